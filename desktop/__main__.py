"""`vademecum`: the window, or the process of the engine that it is told to be."""

from __future__ import annotations

import sys

from engine.privacy import refuse_core_files
from engine.worker.roles import take_role


def main() -> int:
    """Be what the arguments say. Qt is imported for the window only."""
    refuse_core_files()
    if take_role(sys.argv[1:]):
        return 0
    from desktop.app import main as show

    return show()


if __name__ == "__main__":
    sys.exit(main())
