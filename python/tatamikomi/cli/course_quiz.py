"""Answer the quizzes of the course; every key is computed by this package."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from tatamikomi.cli.options import bad_option, unknown_option


def add_quiz(commands: Any, name: str) -> None:
    """`tatamikomi course quiz`."""
    summary = (__doc__ or "").splitlines()[0]
    parser = commands.add_parser(name, help=summary, description=summary)
    parser.add_argument("--lang", metavar="LANGUAGE", default="ja", help="ja or en; default: ja")
    parser.add_argument("--topic", help="questions of one topic; default: all of them")
    parser.add_argument("--show", action="store_true", help="print questions, answers and explanations; ask nothing")
    parser.add_argument("--seed", type=int, metavar="N", help="shuffle questions and choices; default: in their order")
    parser.set_defaults(call=run)


def run(args: argparse.Namespace) -> int:
    """Ask on stdin, or print all at once."""
    from tatamikomi.course import quiz

    if args.lang not in quiz.LANGUAGES:
        raise unknown_option("--lang", args.lang, quiz.LANGUAGES)
    if args.topic not in (None, *quiz.TOPICS):
        raise unknown_option("--topic", args.topic, quiz.TOPICS)
    if args.seed is not None and args.seed < 0:
        raise bad_option("--seed", args.seed, "an integer >= 0")
    chosen = [one for one in quiz.QUESTIONS if args.topic in (None, one.topic)]
    if args.show:
        print(quiz.show(chosen, args.lang, args.seed))
    else:
        quiz.ask(chosen, args.lang, sys.stdin, sys.stdout, args.seed)
    return 0
