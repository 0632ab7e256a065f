"""A process that publishes and refers without end, to be killed at any moment by the tests."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

from engine.records import Fusion, Run
from engine.workspace.workspace import Workspace
from tests.engine.workspace.examples import document, passages


def store(path: Path, passphrase: str | None) -> None:
    """Import, embed and save checkpoints, printing each step that is durable."""
    with Workspace.open(path, passphrase=passphrase) as workspace:
        number = int(workspace.setting("number") or 0)
        while True:
            number += 1
            leaflet = document(f"d{number % 5}", f"Text number {number}. And more of it.")
            original = workspace.objects.publish(os.urandom(200_000))
            workspace.documents.add(leaflet, passages(leaflet), original=original)
            missing = workspace.vectors.missing("encoder")
            vectors = np.full((len(missing), 64), number, dtype=np.float32)
            workspace.vectors.add("encoder", [passage.id for passage in missing], vectors)
            if not workspace.runs.list():
                workspace.runs.add(Run("r", "all", "encoder", "generator", Fusion(), state="running"))
            state = workspace.objects.publish_folder({"model": os.urandom(300_000), "optimizer": os.urandom(100_000)})
            with workspace.transaction():
                workspace.runs.save_checkpoint("r", step=number, digest=state, best=number % 3 == 0)
                workspace.set_setting("number", str(number))
            print(number, flush=True)  # noqa: T201 - the test reads what is durable


if __name__ == "__main__":
    store(Path(sys.argv[1]), sys.argv[2] or None)
