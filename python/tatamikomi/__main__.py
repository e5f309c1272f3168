"""`python -m tatamikomi`, the same as the command `tatamikomi`."""

from __future__ import annotations

import sys

from tatamikomi.cli import main

if __name__ == "__main__":
    sys.exit(main())
