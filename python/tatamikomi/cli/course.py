"""The course: its experiments, each of them one command, its quizzes, lessons' scripts on these kernels."""

from __future__ import annotations

import argparse

from tatamikomi.cli import course_exec, course_experiments, course_quiz

# What follows `tatamikomi course`: name -> function that adds the parser, whose default `call` does the work.
_SUBCOMMANDS = {
    "list": course_experiments.add_list,
    "run": course_experiments.add_run,
    "all": course_experiments.add_all,
    "quiz": course_quiz.add_quiz,
    "exec": course_exec.add_exec,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The subcommands."""
    below = parser.add_subparsers(dest="subcommand", required=True, metavar="SUBCOMMAND")
    for name, add in _SUBCOMMANDS.items():
        add(below, name)


def run(args: argparse.Namespace) -> int:
    """Do what the subcommand does; returns the exit code."""
    code: int = args.call(args)
    return code
