"""Whether a difference is more than chance: the standard error of paired values decides."""

from __future__ import annotations

import numpy as np


def exceeds(more: np.ndarray, *, errors: float) -> bool:
    """Whether the mean of paired differences, shape (Q,), is more than so many of its standard errors above nought."""
    return bool(more.mean() > errors * more.std() / np.sqrt(len(more)))
