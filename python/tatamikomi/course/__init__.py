"""The course: its quizzes, asked and graded on a terminal (`tatamikomi course quiz`)."""
