"""Print versions, compiler, instruction set and threads."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """There are none."""


def run(args: argparse.Namespace) -> int:
    """Print `tk.show_config()`."""
    from tatamikomi import kernels

    kernels.show_config()
    return 0
