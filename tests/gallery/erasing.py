"""Homes whose patients are erased, and an independent look for what is left of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gestalt_space.gallery.erasure.erased import Erased
from gestalt_space.home import Gallery
from gestalt_space.settings import load_settings
from gestalt_space.store import writes
from gestalt_space.store.writes import NewPhoto
from tests.galleries import encoded_of, files_with, new_photo
from tests.gallery.kept import Kept

PIECE = 64


class Home(Kept):
    """A home of patients with identifiers and photos of their own, whose crops are kept."""

    def __init__(self, home: Path, *, busy_timeout: float = 30.0) -> None:
        super().__init__(home, busy_timeout=busy_timeout)
        self.patience = busy_timeout
        self.opened: list[Gallery] = []

    def put(self, *photos: NewPhoto, update: bool = False) -> None:
        with self.database.writing() as session:
            stored = writes.add_photos(session, photos, space_id=self.space.id, update=update)
        assert [one.error for one in stored] == [None] * len(photos)

    def gallery(self) -> Gallery:
        """A gallery that is closed with the home, and waits for others no longer than this does."""
        settings = load_settings(self.home).model_copy(update={"busy_timeout": self.patience})
        self.opened.append(Gallery(settings))
        return self.opened[-1]

    def close(self) -> None:
        for gallery in self.opened:
            gallery.close()
        super().close()

    def erase(self, *names: str, receipt: str = "receipt.json", **options: Any) -> Erased:
        return self.gallery().erase(names, self.home.parent / receipt, **options)

    def receipt(self, name: str = "receipt.json") -> dict[str, Any]:
        read: dict[str, Any] = json.loads((self.home.parent / name).read_text("utf-8"))
        return read


def photo(name: str, seed: int, **facts: Any) -> NewPhoto:
    """A photo of a patient, its name and its descriptor their own."""
    return new_photo(name, seed, **{"crop": True, "dim": 16, **facts})


def left_of(home: Path, patient: str, *photos: NewPhoto) -> list[str]:
    """The files in which something of a patient stands, by plain search."""
    needles = [patient.encode(), patient.casefold().encode(), patient.encode("utf-16-le")]
    for one in photos:
        needles += [one.record.photo.encode(), one.sha256.encode(), bytes.fromhex(one.sha256)]
        needles.append(encoded_of(one).descriptor.tobytes())
        crop = encoded_of(one).crop
        if crop is not None:
            starts = range(PIECE, len(crop) - PIECE, 997)
            needles += [crop[start : start + PIECE] for start in starts]
    return sorted({name for needle in needles for name in files_with(home, needle)})
