"""The processes this program starts of itself: told by its first argument, it is the worker or a parser instead."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence


def take_role(arguments: Sequence[str]) -> bool:
    """Be the worker or one of the reading children when `arguments` say so, and return True when that is over.

    Every entry of the program calls it before anything else: an installed program is its own interpreter, so what
    multiprocessing, the client and the reader start is this program once more.
    """
    multiprocessing.freeze_support()
    match list(arguments[:1]):
        case ["--worker"]:
            from engine.worker.server import main as work

            work()
        case ["--parser"]:
            from engine.documents.parser_child import main as parse

            parse()
        case ["--rows"]:
            from engine.questions.row_child import main as read_rows

            read_rows()
        case _:
            return False
    return True
