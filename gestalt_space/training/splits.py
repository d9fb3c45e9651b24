"""Which photos training may see: by a hash of the file's name, the same in every recipe."""

from __future__ import annotations

import hashlib
from pathlib import PurePath

HELD_OUT_PERCENT = 20
VALIDATION_PERCENT = 5


def held_out(name: str) -> bool:
    """Whether a photo of that file name is kept out of all training and choosing: about 20 %."""
    return _percentile(name) < HELD_OUT_PERCENT


def validating(name: str) -> bool:
    """Whether a photo that is not held out serves to choose between trainings: about 5 %."""
    return HELD_OUT_PERCENT <= _percentile(name) < HELD_OUT_PERCENT + VALIDATION_PERCENT


def _percentile(name: str) -> int:
    """0..99, by the sha256 of the name without its folders."""
    return int.from_bytes(hashlib.sha256(PurePath(name).name.encode()).digest()[:8], "big") % 100
