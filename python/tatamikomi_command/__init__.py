"""The command `tatamikomi`, beside the package, whose import fails where the environment asks for the impossible."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line; an impossible TATAMIKOMI_ISA, TATAMIKOMI_BACKEND or OMP_NUM_THREADS is told in one line.

    Returns:
        The exit code, as `tatamikomi.cli.main`.
    """
    try:
        from tatamikomi import cli
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return cli.main()
