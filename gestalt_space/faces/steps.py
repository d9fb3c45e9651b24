"""The steps of the ladder in words: how a photo was changed for a face to be found."""

from __future__ import annotations

PLAIN = ("as is", "aligned", "landmarks file")
"""Steps that change nothing in the photo."""


def step_text(step: str) -> str:
    """A step as people read it: `turned by 90°`."""
    kind, _, degrees = step.partition(" ")
    if kind != "turned":
        return step
    return f"turned by {degrees}°" if degrees != "0" else "padded and made smaller"
