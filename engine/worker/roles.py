"""The processes this program starts of itself: told by its first argument, it is one of them instead."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from pathlib import Path

from engine.addon import trial


def take_role(arguments: Sequence[str]) -> bool:
    """Be the worker, a reading child or the trial of an add-on when `arguments` say so; True when that is over.

    Every entry of the program calls it before anything else: an installed program is its own interpreter, so what
    multiprocessing, the client and the reader start is this program once more.
    """
    multiprocessing.freeze_support()
    match list(arguments[:2]):
        case ["--worker", *_]:
            from engine.worker.server import main as work

            work()
        case ["--parser", *_]:
            from engine.documents.parser_child import main as parse

            parse()
        case ["--rows", *_]:
            from engine.questions.row_child import main as read_rows

            read_rows()
        case [trial.TRIAL, folder]:
            trial.be_tried(Path(folder))
        case _:
            return False
    return True
