"""The entry of the packaged program: the window, or the command line where it was started by that name."""

from __future__ import annotations

import sys
from pathlib import Path

if Path(sys.argv[0]).stem == "vademecum-engine":  # one file with two names
    from engine.__main__ import main
else:
    from desktop.__main__ import main

sys.exit(main())
