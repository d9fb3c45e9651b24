"""How the tests ask a gallery."""

from __future__ import annotations

from pathlib import Path

from gestalt_space.gallery.pipeline import PhotoSource
from gestalt_space.home import Gallery
from gestalt_space.match.answer import Match
from gestalt_space.match.question import Question


def interrupt(done: object) -> None:
    raise KeyboardInterrupt


def match(gallery: Gallery, *photos: Path, k: int = 10) -> list[Match]:
    sources = [PhotoSource(p.name, p, largest=True) for p in photos]
    return list(gallery.match(sources, Question(k=k)))
