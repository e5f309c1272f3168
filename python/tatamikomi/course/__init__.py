"""The course on deep learning that this package accompanies."""
