"""The course: quizzes."""

from __future__ import annotations

import argparse

from tatamikomi.cli import course_quiz

# name: adds the parser of a subcommand and sets its default `run_course`, the function that runs it.
SUBCOMMANDS = {
    "quiz": course_quiz.add_parser,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The subcommands, each with options of its own."""
    commands = parser.add_subparsers(dest="course_command", required=True, metavar="WHAT")
    for add_parser in SUBCOMMANDS.values():
        add_parser(commands)


def run(args: argparse.Namespace) -> int:
    """Run one of them."""
    code: int = args.run_course(args)
    return code
