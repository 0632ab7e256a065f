"""`vademecum`: the window, or the process of the engine that it is told to be."""

from __future__ import annotations

import sys

from engine.privacy import refuse_core_files
from engine.worker.roles import take_role

_CANCELLED = 130  # as the command line has it


def main() -> int:
    """Be what the arguments say. Qt is imported for the window only."""
    refuse_core_files()
    if take_role(sys.argv[1:]):
        return 0
    try:
        from desktop.app import main as show
    except ModuleNotFoundError:
        raise
    except ImportError as error:  # Qt's libraries need some of the system's
        sys.stderr.write(
            f"The window can't be shown, a library is missing: {error}.\nInstall it (Debian, Ubuntu: apt-get install "
            "libgl1 libegl1 fontconfig-config). vademecum-engine, the command line, works without.\n"
        )
        return 1
    try:
        return show()
    except KeyboardInterrupt:
        sys.stderr.write("\nCancelled.\n")
        return _CANCELLED


if __name__ == "__main__":
    sys.exit(main())
