"""`tatamikomi course exec SCRIPT [ARGS]`: a lesson's script with `common` and `dataset` in place, figures saved."""

from __future__ import annotations

import argparse
from typing import Any


def add_exec(below: Any, name: str) -> None:
    """exec SCRIPT [ARGS]."""
    parser = below.add_parser(name, help="run a script that imports common.* and dataset.mnist, unchanged")
    parser.add_argument("--figures", metavar="DIR", default="figures", help="where shown figures go; default: figures")
    parser.add_argument("--dtype", metavar="TYPE", default="float64", help="of our networks' weights: float64, float32")
    parser.add_argument("--shadow", action="store_true", help="hide a common or dataset that is importable really")
    parser.add_argument("script", metavar="SCRIPT", help="a Python file")
    parser.add_argument("arguments", metavar="ARGS", nargs=argparse.REMAINDER, help="its own arguments")
    parser.set_defaults(call=_run)


def _run(args: argparse.Namespace) -> int:
    from tatamikomi.course.running import run_script

    return run_script(args.script, args.arguments, folder=args.figures, shadow=args.shadow, dtype=args.dtype)
