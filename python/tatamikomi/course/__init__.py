"""The course on deep learning that this package accompanies: its experiments and its quizzes."""
