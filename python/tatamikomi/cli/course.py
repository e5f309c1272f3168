"""Scripts of deep-learning lessons, run on this package's kernels.

tatamikomi course exec SCRIPT [ARGS]     run a script with `common` and `dataset` in place, figures saved
"""

from __future__ import annotations

import argparse
from typing import Any


def _exec(commands: Any) -> None:
    """exec SCRIPT [ARGS]."""
    parser = commands.add_parser("exec", help="run a script that imports common.* and dataset.mnist, unchanged")
    parser.add_argument("--figures", metavar="DIR", default="figures", help="where shown figures go; default: figures")
    parser.add_argument("--dtype", metavar="TYPE", default="float64", help="of our networks' weights: float64, float32")
    parser.add_argument("--shadow", action="store_true", help="hide a common or dataset that is importable really")
    parser.add_argument("script", metavar="SCRIPT", help="a Python file")
    parser.add_argument("arguments", metavar="ARGS", nargs=argparse.REMAINDER, help="its own arguments")
    parser.set_defaults(subcommand=_run_exec)


def _run_exec(args: argparse.Namespace) -> int:
    from tatamikomi.course.running import run_script

    return run_script(args.script, args.arguments, folder=args.figures, shadow=args.shadow, dtype=args.dtype)


_SUBCOMMANDS = {
    "exec": _exec,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One parser per subcommand; each sets `subcommand`, the function that runs it."""
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in _SUBCOMMANDS.values():
        add(commands)


def run(args: argparse.Namespace) -> int:
    """Run the subcommand."""
    code: int = args.subcommand(args)
    return code
