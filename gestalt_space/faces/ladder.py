"""The ladder: how a photo is looked at in which no sure face is found, and which finding counts.

The pictures that it looks at come from `rungs`: the photo padded and rescaled, for faces that fill
the frame or are very large or small; in tiles, for small faces of large photos; turned, for photos
that lie on their side or stand on their head.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gestalt_space.faces.quality import roll
from gestalt_space.faces.rungs import Rung, tile_sets, turned_rungs, upright_rungs
from gestalt_space.same_face import overlap
from gestalt_space.types import Box, Detection, Pixels

DetectFunction = Callable[[Pixels], Sequence[Detection]]

LYING_DEGREES = 45
"""Roll beyond which a face lies on its side."""
MARGIN = 0.1
"""How much surer a face of the turned picture has to be, for one in doubt to be given up for it."""
OVERLAP = 0.3
"""Intersection over union from which two boxes may be of one face."""
LEAST_SIDE = 16
GREATEST_RATIO = 16
"""A photo of longer sides is a panorama: whole, it shows nothing that is large enough."""


@dataclass(frozen=True, slots=True)
class Scores:
    """What a detector's scores are good for, 0..1.

    `enough`: a face of an upright rung ends the climb. `sure`: below it, such a face may yet be
    misread. `tiled`, `turned`: what a face of a tile, or of the photo turned, has to score.
    """

    enough: float
    sure: float
    tiled: float
    turned: float


def climb(pixels: Pixels, detect: DetectFunction, scores: Scores, *, view: int) -> list[Detection]:
    """The faces of a photo, in its own pixels.

    `view` is the side of the pictures that the detector looks at, in pixels. The first upright rung
    whose surest face scores `enough` is taken. Else the photo is looked at in tiles, and then
    turned: each finding has to be surer than all before it. A face that lies on its side is looked
    at in the picture turned, see `_set_upright`.
    """
    height, width = pixels.shape[:2]
    if min(height, width) < LEAST_SIDE:
        return []
    is_panorama = max(height, width) > GREATEST_RATIO * min(height, width)
    unsure: list[list[Detection]] = []
    for rung in () if is_panorama else upright_rungs(pixels):
        found = detect(rung.picture)
        if _surest(found) >= scores.enough:
            return _set_upright(rung, found, detect, scores)
        unsure.append([rung.found(face) for face in found])
    upright = max(unsure, key=_surest, default=[])
    tiled = _in_tiles(pixels, detect, max(scores.tiled, _surest(upright)), view)
    if tiled or is_panorama:
        return tiled
    turned = [
        [rung.found(face) for face in detect(rung.picture) if not _lies(face)]
        for rung in turned_rungs(pixels, view)
    ]
    best = max(turned, key=_surest)
    return best if _surest(best) >= max(scores.turned, _surest(upright)) else upright


def _in_tiles(pixels: Pixels, detect: DetectFunction, least: float, view: int) -> list[Detection]:
    """The faces of that score of the first set of tiles that shows any, each once."""
    for tiles in tile_sets(pixels, view):
        seen = [
            tile.found(face)
            for tile in tiles
            for face in detect(tile.picture)
            if face.score >= least and not tile.cuts(face)
        ]
        if seen:
            return _each_once(seen)
    return []


def _set_upright(
    rung: Rung, found: Sequence[Detection], detect: DetectFunction, scores: Scores
) -> list[Detection]:
    """What was found in a rung, and in its picture turned in place of what may be misread.

    A face whose landmarks lie on their side gives way to one that stands upright in the turned
    picture, at the same place, and is at least as sure. Where no face is sure, and none lies, all
    of them may be misread: they give way to one that is surer by `MARGIN`.
    """
    doubted = [rung.found(face) for face in found if _lies(face)]
    kept = [rung.found(face) for face in found if not _lies(face)]
    needed = _surest(doubted)
    if not doubted and _surest(found) < scores.sure:
        doubted, kept, needed = kept, [], _surest(found) + MARGIN
    places = [face.box for face in doubted]
    best: list[Detection] = []
    for turned in rung.turned() if doubted else ():
        faces = [turned.found(face) for face in detect(turned.picture) if not _lies(face)]
        better = [face for face in faces if face.score >= needed]
        if any(_meets(face, places) for face in better) and _surest(better) > _surest(best):
            best = better
    others = [face.box for face in kept]
    return kept + ([face for face in best if not _meets(face, others)] or doubted)


def _each_once(faces: Sequence[Detection]) -> list[Detection]:
    """The surest of those that are of one face."""
    kept: list[Detection] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if not _meets(face, [other.box for other in kept]):
            kept.append(face)
    return kept


def _surest(found: Sequence[Detection]) -> float:
    return max((detection.score for detection in found), default=-1.0)


def _lies(face: Detection) -> bool:
    return abs(roll(face.landmarks)) > LYING_DEGREES


def _meets(face: Detection, boxes: Sequence[Box]) -> bool:
    return any(overlap(face.box, box) >= OVERLAP for box in boxes)
