"""How the command line speaks of an impossible option: one line that names it."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import NoReturn


def bad_option(option: str, given: object, expected: str) -> ValueError:
    """An option has an impossible value; the caller raises.

    >>> from tatamikomi.cli.options import bad_option
    >>> str(bad_option("--epochs", 0, "an integer >= 1"))
    '--epochs: expected an integer >= 1, got 0'
    """
    return ValueError(f"{option}: expected {expected}, got {given}")


def unknown_option(option: str, given: object, valid: Iterable[str]) -> ValueError:
    """An option names something that is not there; the message lists what is."""
    return bad_option(option, given, "one of " + ", ".join(valid))


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """Print the line and exit with code 2."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")
