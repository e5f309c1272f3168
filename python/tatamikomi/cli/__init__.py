"""The command line: `tatamikomi train`, `evaluate RUN`, `predict RUN IMAGE`, `runs`, `info`, `course`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from tatamikomi.cli import course, evaluate, info, predict, runs, train
from tatamikomi.cli.options import Parser

_COMMANDS = {"train": train, "evaluate": evaluate, "predict": predict, "runs": runs, "info": info, "course": course}
# What bad input, files and machines raise; anything else is a fault of ours and keeps its traceback.
_FAULTS = (ValueError, OSError, ImportError, FloatingPointError, MemoryError)


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    top = Parser(prog="tatamikomi", description="Convolutional networks on NumPy arrays: train, evaluate, look.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in _COMMANDS.items():
        summary = (module.__doc__ or "").splitlines()[0]
        command = commands.add_parser(
            name, help=summary, description=summary, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        module.add_arguments(command)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the words after `tatamikomi`; those of the process when None.

    Returns:
        The exit code: 0; 2 for bad input, after one line on stderr; 130 after Ctrl-C; 141 when nobody reads
            stdout.

    >>> from tatamikomi.cli import main
    >>> main(["info"])
    tatamikomi ...
    0
    """
    args = parser().parse_args(argv)
    try:
        code: int = _COMMANDS[args.command].run(args)
        sys.stdout.flush()  # a broken pipe shows here, not at the interpreter's end
        return code
    except KeyboardInterrupt:
        print(f"tatamikomi {args.command}: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read our output has gone
        return 141
    except _FAULTS as error:
        text = str(error) or type(error).__name__
        line = "; ".join(part.strip() for part in text.splitlines() if part.strip())
        print(f"tatamikomi {args.command}: {line}", file=sys.stderr)
        return 2
