"""Speed of operations and of training steps; see README.md beside this file."""
