"""What size, blur, a turn and cover do to a face's similarities: the limits of `faces/marks`.

    python -m benchmarks.quality ../shared

Good photos of UTKFace that no shipped model was trained on, half of them of children, are made
worse step by step, and each face is found and encoded anew. Told are the similarity to the good
photo itself, how often the good photo is still the nearest of all, and how many of the ten people
who were nearest to the good photo are still among the ten nearest: that is what a ranking rests on.

UTKFace has one photo a person. So turns are drawn, from the depth of a usual head, up to 30°; real
ones are photos beside their own mirror image, which shows the person turned the other way, and two
or three photos of two people in `data/wild`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path, PurePath

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.table import keep
from gestalt_space.descriptors import to_descriptors
from gestalt_space.encoders.registry import open_encoder
from gestalt_space.encoders.specification import Encoder
from gestalt_space.errors import FaceError
from gestalt_space.faces.alignment import TEMPLATE, similarity_transform
from gestalt_space.faces.detection import Detector, find_faces
from gestalt_space.faces.marks import LEAST_EYE_DISTANCE, LEAST_SHARPNESS, MOST_YAW, marks_of
from gestalt_space.faces.photos import read_photo
from gestalt_space.faces.quality import eye_distance
from gestalt_space.faces.registry import detector_factory
from gestalt_space.training.splits import held_out
from gestalt_space.types import Descriptors, Face, Landmarks, Photo, Pixels
from gestalt_space.weights.store import ModelStore
from recipes.detector.poses import HeadPose

SEED = 17
BORDER = 60
CHILD_YEARS = 12
NEAREST = 10
TEMPLATE_EYES = float(np.linalg.norm(TEMPLATE[1] - TEMPLATE[0]))
SIZES = (40, 25, 20, 15, 12, 10)
BLURS = (1, 1.5, 2, 3, 4)
TURNS = (15, 30)
BLOCKS = {
    "the eyes": (20, 38, 92, 65),
    "the mouth": (28, 78, 84, 108),
    "nose and mouth": (14, 60, 98, 122),
    "half the face": (56, 0, 120, 125),
}
"""Grey blocks in the aligned face: left, top, right, bottom."""
TURNED = ((0, 5), (5, 10), (10, 15), (15, 20), (20, 25), (25, 30), (30, 40))
PEOPLE = ("RD_", "bulk_Rob_Lowe_")
"""How the names of photos of one person in `data/wild` begin."""
HEADER = (
    *("photos", "by", "found", "px between the eyes", "sharpness", "yaw", "covered"),
    *("similarity to the good photo: 5 %, median", "the good photo is nearest"),
    *("of the ten nearest others, kept", "detector's score: 5 %, median"),
)

Worse = Callable[[Pixels, Landmarks], Pixels]


@dataclass(frozen=True)
class System:
    """A detector and an encoder, as they are used together."""

    name: str
    detector: Detector
    encoder: Encoder

    def face(self, pixels: Pixels) -> Face | None:
        """The largest face of a photo."""
        try:
            return find_faces(Photo("", np.ascontiguousarray(pixels), "", ""), self.detector)[0]
        except FaceError:
            return None

    def described(self, faces: Sequence[Face]) -> Descriptors:
        """The faces' descriptors."""
        return to_descriptors(self.encoder.encode(np.stack([face.crop for face in faces])))


@dataclass(frozen=True)
class Good:
    """A good photo: its pixels with a border, and its landmarks as the first system sees them."""

    pixels: Pixels
    landmarks: Landmarks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--photos", type=int, default=40, help="of children, and of adults")
    parser.add_argument("--ordinary", type=int, default=300, help="photos as they come")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    systems = opened(arguments.shared)
    rows: list[tuple[object, ...]] = []

    def told(row: tuple[object, ...]) -> None:
        rows.append(row)
        print(*row, sep=" | ", file=sys.stderr, flush=True)

    ordinary = photos_as_they_come(arguments.shared, arguments.ordinary, systems[0])
    sharp = float(np.median([face.quality.sharpness for _, face in ordinary]))
    good = good_photos(arguments.shared, arguments.photos, systems, sharp)
    for system in systems:
        kept = [face for one in good if (face := system.face(one.pixels)) is not None]
        assert len(kept) == len(good), "good photos are those in which all find the face"
        base = system.described(kept)
        others = (base @ base.T)[np.triu_indices(len(base), 1)]
        told(("two different people", system.name, len(others), "", "", "", "",
              f"{np.median(others):.2f} (median), {np.quantile(others, 0.99):.2f} (99 %)",
              "", "", ""))  # fmt: skip
        scores = [face.score for face in kept]
        for what, worse in cases().items():
            found = [system.face(worse(one.pixels, one.landmarks)) for one in good]
            told(measured(what, system, base, found, scores))
    for system in systems:
        for row in mirrored(ordinary, system):
            told(row)
        for row in in_the_wild(arguments.shared, system):
            told(row)
    told(marked(ordinary))
    keep(
        "quality",
        f"python -m benchmarks.quality ../shared --photos {arguments.photos} --ordinary "
        f"{arguments.ordinary}  # seed {SEED}; {len(good)} good photos, half of children up to "
        f"{CHILD_YEARS} years; marked: fewer than {LEAST_EYE_DISTANCE} px between the eyes, "
        f"sharpness below {LEAST_SHARPNESS}, yaw beyond {MOST_YAW}°",
        HEADER,
        rows,
    )


def opened(shared: Path) -> list[System]:
    with tempfile.TemporaryDirectory() as folder:
        store = ModelStore(Path(folder))
        store.add(shared / "models" / "arcface-mbf", name="mbf", accept_license=True)
        store.add(shared / "models" / "yunet_n.onnx", name="yunet")
        return [
            System(
                name,
                detector_factory(store, detector, device="cpu")[1](1),
                open_encoder(store.get(model), precision="float32"),
            )
            for name, detector, model in (
                ("YuNet, MobileFaceNet", "yunet", "mbf"),
                ("built-in", "builtin", "builtin"),
            )
        ]


def names_of(archive: zipfile.ZipFile) -> list[str]:
    """Photos that no training saw, in an order by the seed."""
    names = sorted(n for n in archive.namelist() if n.endswith(".jpg") and held_out(n))
    return [names[place] for place in np.random.default_rng(SEED).permutation(len(names))]


def framed(content: bytes) -> Pixels:
    pixels = read_photo(content).pixels
    edges = (BORDER,) * 4
    return np.asarray(cv2.copyMakeBorder(pixels, *edges, cv2.BORDER_REPLICATE), np.uint8)


def photos_as_they_come(shared: Path, count: int, system: System) -> list[tuple[Pixels, Face]]:
    """Photos in which a face is found."""
    found: list[tuple[Pixels, Face]] = []
    with zipfile.ZipFile(shared / "data" / "utkface.zip") as archive:
        for name in names_of(archive):
            pixels = framed(archive.read(name))
            if (face := system.face(pixels)) is not None:
                found.append((pixels, face))
            if len(found) == count:
                break
    return found


def good_photos(shared: Path, count: int, systems: Sequence[System], sharp: float) -> list[Good]:
    """As many of children and of adults: frontal, upright, as sharp as `sharp`, found by all."""
    groups: dict[bool, list[Good]] = {True: [], False: []}
    with zipfile.ZipFile(shared / "data" / "utkface.zip") as archive:
        for name in names_of(archive):
            group = groups[int(PurePath(name).name.split("_")[0]) <= CHILD_YEARS]
            if len(group) == count:
                continue
            pixels = framed(archive.read(name))
            face = systems[0].face(pixels)
            if face is not None and is_good(face, sharp) and systems[1].face(pixels) is not None:
                group.append(Good(pixels, face.landmarks))
            if all(len(group) == count for group in groups.values()):
                break
    return groups[True] + groups[False]


def is_good(face: Face, sharp: float) -> bool:
    of = face.quality
    return of.sharpness >= sharp and abs(of.yaw) < 10 and abs(of.roll) < 10 and face.score >= 0.9


def cases() -> dict[str, Worse]:
    found: dict[str, Worse] = {"good": lambda pixels, landmarks: pixels}  # noqa: ARG005
    found |= {f"{size} px between the eyes": partial(smaller, size) for size in SIZES}
    found |= {f"blurred, σ {blur} px of the aligned face": partial(blurred, blur) for blur in BLURS}
    found |= {f"turned by {turn}°, drawn": partial(turned, turn) for turn in TURNS}
    found |= {
        f"{name} covered by a block": partial(covered, block) for name, block in BLOCKS.items()
    }
    return found


def smaller(size: float, pixels: Pixels, landmarks: Landmarks) -> Pixels:
    scale = size / eye_distance(landmarks)
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def blurred(sigma: float, pixels: Pixels, landmarks: Landmarks) -> Pixels:
    wide = sigma * eye_distance(landmarks) / TEMPLATE_EYES
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), wide), np.uint8)


def turned(degrees: float, pixels: Pixels, landmarks: Landmarks) -> Pixels:
    """The head turned to the image's right, with the depth of a usual head."""
    there, back = to_template(landmarks)
    height, width = pixels.shape[:2]
    turn = HeadPose(float(np.radians(degrees)), 0.0)
    rows = []
    for y in range(height):  # OpenCV reads no more than 32,767 depths at a time
        points = np.column_stack([np.arange(width), np.full(width, y)]).astype(np.float64)
        rows.append(laid(back, turn.taken_back(laid(there, points))))
    source = np.stack(rows).astype(np.float32)
    drawn = cv2.remap(pixels, source, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(drawn, np.uint8)


def covered(block: tuple[int, int, int, int], pixels: Pixels, landmarks: Landmarks) -> Pixels:
    x0, y0, x1, y1 = block
    corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float64)
    drawn = pixels.copy()
    place = np.rint(laid(to_template(landmarks)[1], corners)).astype(np.int32)
    cv2.fillConvexPoly(drawn, place, (128, 128, 128))
    return drawn


def to_template(landmarks: Landmarks) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """From the photo to the template and back, `(3, 3)` each."""
    there = np.vstack([similarity_transform(landmarks, TEMPLATE), [0, 0, 1]])
    return there, np.linalg.inv(there)


def laid(matrix: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(points @ matrix[:2, :2].T + matrix[:2, 2])


def measured(
    what: str,
    system: System,
    base: Descriptors,
    found: Sequence[Face | None],
    good_scores: Sequence[float],
) -> tuple[object, ...]:
    places = [place for place, face in enumerate(found) if face is not None]
    faces = [face for face in found if face is not None]
    if not faces:
        return (what, system.name, f"0 of {len(found)}", *[""] * 8)
    similarities = system.described(faces) @ base.T
    own = similarities[np.arange(len(places)), places]
    first = similarities.argmax(axis=1) == np.array(places)
    before, after = base @ base.T, similarities.copy()
    np.fill_diagonal(before, -2)
    after[np.arange(len(places)), places] = -2
    still = [
        len(set(nearest(before[place])) & set(nearest(row)))
        for place, row in zip(places, after, strict=True)
    ]
    scores = np.array([face.score for face in faces])
    lower = (scores[:, None] < np.array(good_scores)).mean()
    told = f"{np.quantile(scores, 0.05):.2f}, {np.median(scores):.2f}"
    return (
        what, system.name, f"{len(faces)} of {len(found)}",
        f"{np.median([eye_distance(face.landmarks) for face in faces]):.0f}",
        f"{np.median([face.quality.sharpness for face in faces]):.0f}",
        f"{np.median([abs(face.quality.yaw) for face in faces]):.0f}°",
        f"{np.median([face.quality.hidden or 0.0 for face in faces]):.0%}",
        f"{np.quantile(own, 0.05):.2f}, {np.median(own):.2f}",
        f"{first.mean():.0%}", f"{np.mean(still):.1f}",
        f"{told}; lower than of a good photo: {lower:.0%}",
    )  # fmt: skip


def nearest(row: NDArray[np.floating]) -> list[int]:
    return [int(place) for place in np.argsort(-row, kind="stable")[:NEAREST]]


def mirrored(photos: Sequence[tuple[Pixels, Face]], system: System) -> list[tuple[object, ...]]:
    """Photos beside their mirror images, by how far the face is turned."""
    pairs = []
    for pixels, _ in photos:
        one, other = system.face(pixels), system.face(np.ascontiguousarray(pixels[:, ::-1]))
        if one is not None and other is not None:
            pairs.append((one, other))
    ours, theirs = (system.described([pair[side] for pair in pairs]) for side in (0, 1))
    similarities = (ours * theirs).sum(axis=1)
    yaw = np.array([abs(one.quality.yaw - other.quality.yaw) / 2 for one, other in pairs])
    return [
        (f"real faces turned {low}–{high}°, beside their mirror image", system.name,
         int(there.sum()), "", "", f"{np.median(yaw[there]):.0f}°", "",
         f"{np.quantile(similarities[there], 0.05):.2f}, {np.median(similarities[there]):.2f}",
         "", "", "")
        for low, high in TURNED
        if (there := (yaw >= low) & (yaw < high)).any()
    ]  # fmt: skip


def in_the_wild(shared: Path, system: System) -> list[tuple[object, ...]]:
    """Pairs of photos of one person."""
    rows: list[tuple[object, ...]] = []
    for start in PEOPLE:
        files = sorted((shared / "data" / "wild").glob(f"{start}*"))
        faces = [face for file in files if (face := system.face(read_photo(file).pixels))]
        for one, other in combinations(faces, 2):
            ours, theirs = system.described([one, other])
            rows.append(
                ("two real photos of one person", system.name, 1, "", "",
                 f"{one.quality.yaw:.0f}° and {other.quality.yaw:.0f}°", "",
                 f"{float(ours @ theirs):.2f}", "", "", "")
            )  # fmt: skip
    return rows


def marked(photos: Sequence[tuple[Pixels, Face]]) -> tuple[object, ...]:
    """How many photos as they come are marked."""
    faces = [face for _, face in photos]
    kinds = [{mark.kind for mark in marks_of(face.landmarks, face.quality)} for face in faces]
    shares = ", ".join(
        f"{kind} {np.mean([kind in one for one in kinds]):.1%}"
        for kind in ("small", "blurred", "turned", "covered")
    )
    sharpness = np.array([face.quality.sharpness for face in faces])
    yaw = np.abs([face.quality.yaw for face in faces])
    return (
        "photos as they come", "YuNet", len(faces),
        f"{np.median([eye_distance(face.landmarks) for face in faces]):.0f}",
        f"{np.quantile(sharpness, 0.01):.0f} (1 %), {np.median(sharpness):.0f}",
        f"{np.quantile(yaw, 0.99):.0f}° (99 %), {np.median(yaw):.0f}°",
        f"{np.quantile([face.quality.hidden or 0.0 for face in faces], 0.99):.0%} (99 %)",
        f"marked: {shares}", "", "", "",
    )  # fmt: skip


if __name__ == "__main__":
    main()
