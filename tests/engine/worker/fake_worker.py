"""A worker process with the fake jobs and a workspace that is only a name."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

from engine.errors import PassphraseError, WorkspaceError
from engine.worker.protocol import Opening
from engine.worker.server import main
from tests.engine.worker.fake_jobs import FAKE_JOBS


def open_fake(opening: Opening) -> SimpleNamespace:
    """Return a session as far as the server looks at one."""
    if opening.passphrase == "wrong":
        raise PassphraseError("The passphrase is wrong.", hint="Type it again.")
    if opening.passphrase == "deadly":
        os._exit(3)
    if opening.passphrase == "there" and not Path(opening.path).is_dir():
        raise WorkspaceError(f"{opening.path} is no workspace.", hint="Choose another folder.")
    if opening.passphrase == "shaky" and opening.patience_s and Path(opening.path).is_dir():
        Path(opening.path).rmdir()
        os._exit(3)
    workspace = SimpleNamespace(id="w", name=opening.name or "Ward", protected=opening.passphrase is not None)
    return SimpleNamespace(workspace=workspace, close=lambda: None)


if __name__ == "__main__":
    main(jobs=FAKE_JOBS, open_session=open_fake, import_libraries=lambda: None)  # type: ignore[arg-type]  # a stand-in
