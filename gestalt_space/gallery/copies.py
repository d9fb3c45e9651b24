"""Copies: files with other bytes that show the very same picture of a face, re-saved, resized or
taken from a screen.

A copy under another patient would be evidence for itself. Descriptors find the candidates, cheaply;
the pixels of the aligned faces are the proof, where the crops were kept. `benchmarks/resaved.py`
measures both.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from gestalt_space.errors import PhotoDamaged
from gestalt_space.faces.crops import crop_from_png
from gestalt_space.store.reads import DescribedPhoto, described_photos
from gestalt_space.types import Ids, Pixels

SAME_PICTURE = 0.9
"""Two aligned faces are of one picture from this correlation on."""
CANDIDATE = 0.7
"""Descriptors of one picture are at least this similar, whatever the encoder."""
SAME_DESCRIPTOR = 0.97
"""Where a crop cannot be compared, only descriptors as similar as this are taken for a copy's."""
_ASKED = 12
_COMPARED = 3
_FINE, _COARSE = 1.2, 8.0
_MARGIN = 8
_STRETCH = 0.12
"""Scale, turn and shear between two detections of one picture; 0.12 is 7° or 12 %."""
_SHIFT = 6.0
"""Pixels between their middles."""
_STEPS = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 60, 1e-5)

Look: TypeAlias = NDArray[np.float32]
"""`(112, 112)`: an aligned face as `look_of` sees it."""


def look_of(crop: Pixels) -> Look:
    """What stays of an aligned face `(112, 112, 3)` through JPEG, resizing and another brightness.

    Grey, without the finest detail, which compression changes, and without slow shading.
    """
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.asarray(
        cv2.GaussianBlur(grey, (0, 0), _FINE) - cv2.GaussianBlur(grey, (0, 0), _COARSE), np.float32
    )


def picture_correlation(one: Look, other: Look) -> float:
    """The correlation of two looks, -1..1, at the affine placement where they agree best, one of
    them mirrored or not: front cameras mirror what they take.

    Two detections of a picture in two sizes differ by a pixel or two: Evangelidis and Psarakis,
    "Parametric image alignment using enhanced correlation coefficient maximization" (2008), from
    the placement as it is. 0 where no placement is found near it: pictures that have nothing in
    common can be drawn out of all proportion until they agree.
    """
    return max(_placed_correlation(one, other), _placed_correlation(one[:, ::-1].copy(), other))


def _placed_correlation(one: Look, other: Look) -> float:
    inner = np.zeros(one.shape, np.uint8)
    inner[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN] = 255
    start = np.eye(2, 3, dtype=np.float32)
    try:
        found, warp = cv2.findTransformECC(one, other, start, cv2.MOTION_AFFINE, _STEPS, inner, 1)
    except cv2.error:
        return 0.0
    centre = np.array([one.shape[1] / 2, one.shape[0] / 2, 1.0])
    is_near = (
        np.abs(warp[:, :2] - np.eye(2)).max() <= _STRETCH
        and np.abs(warp @ centre - centre[:2]).max() <= _SHIFT
    )
    return float(found) if is_near else 0.0


@dataclass(frozen=True, slots=True)
class Copy:
    """A stored photo that shows the same picture of a face as another photo.

    `similarity`: of the descriptors, -1..1. `proof`: whether the aligned faces were compared, or,
    where the crop was not kept or is not in the database, the descriptors alone.
    """

    patient: str
    photo: str
    similarity: float
    proof: Literal["crops", "descriptors"]


def find_copies(
    session: Session,
    look: Look | None,
    similarities: NDArray[np.floating],
    ids: Ids,
    *,
    not_of: Collection[str] = (),
    outside: bool = False,
) -> tuple[Copy, ...]:
    """The stored photos that are copies of a face, the most similar first.

    `similarities` `(n,)` of its descriptor to those with the keys `ids` `(n,)`; `not_of`: patients
    whose photos are no news; `outside`: whether crops that are not in the database are read, too.
    The most similar are looked at alone: a copy is among them.
    """
    candidates = np.flatnonzero(similarities >= CANDIDATE)
    if not len(candidates):
        return ()
    nearest = candidates[np.argsort(-similarities[candidates], kind="stable")[:_ASKED]]
    photos = described_photos(session, [int(ids[row]) for row in nearest], outside=outside)
    found = []
    compared = 0
    for row in nearest:
        photo = photos.get(int(ids[row]))
        if photo is None or photo.patient in not_of:
            continue
        proof = _proof(look, photo, float(similarities[row]))
        if proof is not None:
            found.append(Copy(photo.patient, photo.photo, float(similarities[row]), proof))
        compared += 1
        if compared == _COMPARED:
            break
    return tuple(found)


def stored_looks(session: Session, descriptor_ids: Ids) -> list[Look | None]:
    """The looks of stored faces, by the keys of their descriptors; None without a sound crop in
    the database."""
    keys = [int(key) for key in descriptor_ids]
    photos = described_photos(session, keys, outside=False)
    return [_stored_look(photos[key]) if key in photos else None for key in keys]


def _stored_look(photo: DescribedPhoto) -> Look | None:
    if photo.png is None:
        return None
    try:
        return look_of(crop_from_png(photo.png))
    except PhotoDamaged:  # `gestalt doctor` tells of it
        return None


def _proof(
    look: Look | None, photo: DescribedPhoto, similarity: float
) -> Literal["crops", "descriptors"] | None:
    stored = _stored_look(photo)
    if look is None or stored is None:
        return "descriptors" if similarity >= SAME_DESCRIPTOR else None
    return "crops" if picture_correlation(look, stored) >= SAME_PICTURE else None
