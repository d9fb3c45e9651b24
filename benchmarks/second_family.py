"""A second family of simulated disorders, to test encoders trained on another one.

Anatomical points are placed by the five landmarks and moved by the signs of a disorder; the face
follows by moving least squares (Schaefer 2006, doi:10.1145/1141911.1141920). Relief is lit as
Lambert has it; pigment and hair are painted. It shares no code with what encoders are trained on.
`second_family_calibration` is how `SEVERITY` was chosen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from gestalt_space.types import Landmarks, Pixels

SEVERITY = 0.9
"""Severity at which MobileFaceNet's top-1 is about 10 % of 100 disorders; 1 is a clear syndrome."""

Floats = NDArray[np.float64]

# The face frame: origin between the eyes, x to the image's right, y down, unit half the distance
# between the eyes.
_LANDMARKS: Floats = np.array([[-1, 0], [1, 0], [0, 1.19], [-0.9, 1.99], [0.9, 1.99]])
_MIDLINE: Mapping[str, tuple[float, float]] = {
    "vertex": (0, -2.4),
    "trichion": (0, -1.25),
    "glabella": (0, -0.4),
    "nasion": (0, 0.02),
    "rhinion": (0, 0.6),
    "tip": (0, 1.19),
    "subnasale": (0, 1.48),
    "upper lip": (0, 1.82),
    "stomion": (0, 2.06),
    "lower lip": (0, 2.36),
    "sublabiale": (0, 2.62),
    "pogonion": (0, 3.0),
    "menton": (0, 3.42),
}
_PAIRED: Mapping[str, tuple[float, float]] = {
    "inner canthus": (0.62, 0.05),
    "outer canthus": (1.42, 0.0),
    "pupil": (1.0, 0.0),
    "upper lid": (1.0, -0.17),
    "lower lid": (1.0, 0.18),
    "inner brow": (0.42, -0.42),
    "brow": (0.98, -0.58),
    "outer brow": (1.6, -0.42),
    "orbital rim": (1.0, 0.52),
    "bridge": (0.26, 0.45),
    "ala": (0.43, 1.24),
    "nostril": (0.2, 1.42),
    "philtral crest": (0.15, 1.8),
    "upper lip flank": (0.47, 1.88),
    "mouth corner": (0.9, 1.99),
    "lower lip flank": (0.45, 2.3),
    "cheek": (1.25, 1.15),
    "buccal": (1.45, 1.95),
    "zygion": (2.05, 0.5),
    "gonion": (1.7, 2.4),
    "mandible": (0.95, 3.15),
    "temple": (1.98, -0.55),
    "forehead": (0.95, -1.25),
    "ear": (2.4, 0.65),
}
_FIXED = (
    (0.0, -3.4),
    (2.4, -3.2),
    (3.5, -2.2),
    (3.5, 0),
    (3.5, 2),
    (3.3, 3.9),
    (1.2, 4.0),
    (0, 4.1),
)

# Modes: how far points move, in half eye distances, where a sign has amount 1. Of paired points
# the one at the image's right is named; at the other side x is mirrored.
_LIDS = ("inner canthus", "outer canthus", "pupil", "upper lid", "lower lid")
_BROWS = ("inner brow", "brow", "outer brow")
_LIPS = ("upper lip", "stomion", "lower lip", "upper lip flank", "lower lip flank")
_CHIN = ("pogonion", "menton", "mandible")
_Moves = Mapping[str, tuple[float, float]]


def _all(points: Sequence[str], x: float, y: float) -> dict[str, tuple[float, float]]:
    return dict.fromkeys(points, (x, y))


_MODES: Mapping[str, _Moves] = {
    "orbital spacing": {**_all(_LIDS, 0.13, 0), **_all(_BROWS, 0.08, 0), "bridge": (0.07, 0),
                        "orbital rim": (0.09, 0)},
    "telecanthus": {"inner canthus": (-0.15, 0.02), "bridge": (0.06, 0)},
    "fissure tilt": {"outer canthus": (0.02, -0.14), "inner canthus": (0, 0.08),
                     "outer brow": (0, -0.07)},
    "fissure length": {"outer canthus": (0.14, 0), "inner canthus": (-0.06, 0)},
    "fissure height": {"upper lid": (0, -0.1), "lower lid": (0, 0.07)},
    "ptosis": {"upper lid": (0, 0.13), "brow": (0, -0.1), "inner brow": (0, -0.05)},
    "lower lid sag": {"lower lid": (0.05, 0.1), "outer canthus": (0, 0.08),
                      "orbital rim": (0, 0.05)},
    "brow height": _all(_BROWS, 0, -0.17),
    "brow arch": {"brow": (0, -0.17), "inner brow": (0, 0.05), "outer brow": (0, 0.08)},
    "brow tilt": {"inner brow": (0, -0.1), "outer brow": (0, 0.12), "glabella": (0, -0.03)},
    "brow gap": {"inner brow": (0.12, 0), "brow": (0.06, 0)},
    "midface hypoplasia": {"cheek": (-0.15, -0.06), "orbital rim": (0, -0.09), "ala": (-0.04, -0.1),
                           "tip": (0, -0.12), "subnasale": (0, -0.14), "nostril": (0, -0.12),
                           "zygion": (-0.12, 0)},
    "nasal length": {"tip": (0, 0.2), "ala": (0, 0.16), "nostril": (0, 0.17),
                     "subnasale": (0, 0.16), "rhinion": (0, 0.1)},
    "nasal base width": {"ala": (0.16, 0), "nostril": (0.08, 0)},
    "nasal bridge width": {"bridge": (0.16, 0), "inner canthus": (0.03, 0)},
    "tip upturn": {"tip": (0, -0.15), "nostril": (0.03, -0.06), "ala": (0.02, 0.03)},
    "columella": {"subnasale": (0, 0.14), "tip": (0, 0.08), "ala": (0, -0.06)},
    "philtral length": {**_all(_LIPS, 0, 0.14), "philtral crest": (0, 0.15),
                        "mouth corner": (0, 0.11), "subnasale": (0, -0.04)},
    "philtral width": {"philtral crest": (0.1, 0), "nostril": (0.05, 0)},
    "oral width": {"mouth corner": (0.22, 0), "upper lip flank": (0.1, 0),
                   "lower lip flank": (0.1, 0), "buccal": (0.08, 0)},
    "mouth corners": {"mouth corner": (0, 0.15), "upper lip flank": (0, 0.03)},
    "upper vermilion": {"upper lip": (0, -0.1), "upper lip flank": (0, -0.1),
                        "philtral crest": (0, -0.1)},
    "lower vermilion": {"lower lip": (0, 0.14), "lower lip flank": (0, 0.12)},
    "tented lip": {"upper lip": (0, -0.12), "philtral crest": (-0.02, -0.1),
                   "upper lip flank": (0, 0.06), "stomion": (0, -0.1)},
    "chin height": {**_all(_CHIN, 0, 0.17), "gonion": (0, 0.08), "sublabiale": (0, 0.05)},
    "mandible width": {"gonion": (0.2, 0), "mandible": (0.16, 0), "buccal": (0.12, 0)},
    "micrognathia": {"menton": (0, -0.15), "pogonion": (0, -0.1), "mandible": (-0.13, -0.11),
                     "gonion": (-0.09, -0.09)},
    "pointed chin": {"mandible": (-0.13, -0.06), "menton": (0, 0.06), "gonion": (-0.1, 0)},
    "square jaw": {"gonion": (0.1, 0.14), "mandible": (0.16, 0.05), "buccal": (0.03, 0.05)},
    "cheek fullness": {"buccal": (0.18, 0.02), "cheek": (0.12, 0.06), "gonion": (0.12, 0)},
    "zygoma width": {"zygion": (0.18, 0), "cheek": (0.08, 0), "ear": (0.14, 0)},
    "bitemporal width": {"temple": (0.2, 0), "forehead": (0.12, 0), "outer brow": (0.04, 0)},
    "forehead height": {"trichion": (0, -0.26), "forehead": (0, -0.24), "vertex": (0, -0.2)},
    "face width": {"zygion": (0.14, 0), "temple": (0.13, 0), "gonion": (0.13, 0),
                   "cheek": (0.08, 0), "buccal": (0.1, 0), "ear": (0.14, 0)},
    "lower face height": {**_all(_CHIN, 0, 0.2), **_all(_LIPS, 0, 0.08), "sublabiale": (0, 0.12),
                          "mouth corner": (0, 0.08), "gonion": (0, 0.12)},
    "ear height": {"ear": (0.02, 0.2)},
}  # fmt: skip
_ONE_SIDED: Mapping[str, _Moves] = {
    "one small jaw": {"gonion": (-0.18, -0.12), "mandible": (-0.15, -0.1), "menton": (-0.14, -0.03),
                      "mouth corner": (-0.05, -0.1), "buccal": (-0.14, -0.05)},
    "one low orbit": {**_all(_LIDS, 0, 0.09), **_all(_BROWS, 0, 0.07), "orbital rim": (0, 0.07)},
    "one lid hangs": {"upper lid": (0, 0.15), "brow": (0, -0.09)},
    "bent nose": {"tip": (0.15, 0), "rhinion": (0.08, 0), "ala": (0.08, -0.03),
                  "subnasale": (0.07, 0)},
    "one corner hangs": {"mouth corner": (0.02, 0.16), "buccal": (0, 0.08),
                         "lower lip flank": (0, 0.08)},
}  # fmt: skip

# Relief: a line of the right half of the face or of the midline, how far its slope reaches, and
# how high it is where a sign has amount 1, in half eye distances.
_RELIEF: Mapping[str, tuple[tuple[tuple[float, float], ...], float, float]] = {
    "nasal bridge": (((0, -0.1), (0, 0.35), (0, 0.85)), 0.42, 0.11),
    "brow ridge": (((0.25, -0.42), (0.95, -0.62), (1.6, -0.45)), 0.42, 0.1),
    "malar bone": (((1.1, 0.75), (1.6, 0.6)), 0.62, 0.13),
    "nasolabial fold": (((0.55, 1.2), (0.95, 1.6), (1.12, 2.0)), 0.28, -0.05),
    "lid crease": (((0.6, 0.32), (1.0, 0.46), (1.4, 0.34)), 0.2, -0.045),
    "philtral groove": (((0, 1.54), (0, 1.78)), 0.17, -0.06),
    "chin cleft": (((0, 2.85), (0, 3.2)), 0.32, -0.06),
    "chin boss": (((-0.2, 3.0), (0.2, 3.0)), 0.55, 0.13),
    "frontal boss": (((0.35, -0.95), (0.75, -0.95)), 0.75, 0.14),
    "glabella": (((0, -0.45), (0, -0.3)), 0.45, 0.08),
    "bulbous tip": (((-0.06, 1.18), (0.06, 1.18)), 0.36, 0.09),
    "epicanthus": (((0.45, -0.1), (0.52, 0.08), (0.62, 0.18)), 0.17, 0.045),
    "temporal hollow": (((1.75, -0.7), (1.8, -0.2)), 0.5, -0.1),
    "jowl": (((1.3, 2.2), (1.2, 2.6)), 0.5, 0.1),
}  # fmt: skip
_SKIN = (
    "dense brows",
    "sparse brows",
    "joined brows",
    "malar flush",
    "dark orbits",
    "freckles",
    "brown patch",
    "pale patch",
    "one-sided stain",
    "lip colour",
)

_NAMES = tuple(_MODES)
_PLACES = ((1.2, 1.2), (0.8, -1.0), (-1.0, -0.95), (-1.3, 0.9), (1.3, 2.3), (-0.9, 2.7))
"""Where a patch of another colour may lie."""


@dataclass(frozen=True, slots=True)
class Sign:
    """One finding: how much of it (its sign is the direction), and in what share of patients.

    `name`: a mode, a relief or a skin sign; `side`: 1 at the image's right, -1 at its left, 0 where
    that means nothing; `place`: which place of a patch.
    """

    name: str
    amount: float
    penetrance: float
    side: int = 0
    place: int = 0


@dataclass(frozen=True, slots=True)
class Disorder:
    """What its patients have in common.

    `signs`: the findings a clinician would name; `build`: `(modes,)`, what all of them share a
    little of, in amounts of each symmetric mode.
    """

    name: str
    signs: tuple[Sign, ...]
    build: Floats


def draw_disorders(rng: np.random.Generator, count: int) -> list[Disorder]:
    """Draw disorders: three to seven changes of form, and in some relief or skin."""
    return [_draw(rng, f"second-{number:04d}") for number in range(count)]


def show(
    disorder: Disorder,
    rng: np.random.Generator,
    pixels: Pixels,
    landmarks: Landmarks,
    severity: float = SEVERITY,
) -> tuple[Pixels, Landmarks]:
    """One patient: the face as it would be with the disorder, and its landmarks moved with it.

    Which signs there are, how strong, and how the patient differs otherwise comes from `rng`.
    `severity` 0 gives the face back as it was.
    """
    if severity == 0.0:
        return pixels, landmarks
    amounts = _patient(disorder, rng, severity)
    frame = _frame(landmarks)
    painted = _painted(pixels, frame, amounts, rng)
    return _moved(painted, landmarks, frame, amounts)


# Disorders and patients


def _draw(rng: np.random.Generator, name: str) -> Disorder:
    signs = [
        _sign(rng, str(mode), rng.choice([-1, 1]) * rng.uniform(0.9, 1.8))
        for mode in rng.choice(_NAMES, int(rng.integers(3, 8)), replace=False)
    ]
    if rng.random() < 0.15:
        signs.append(_sign(rng, str(rng.choice(list(_ONE_SIDED))), rng.uniform(0.8, 1.5)))
    if rng.random() < 0.6:
        reliefs = rng.choice(list(_RELIEF), int(rng.integers(1, 4)), replace=False)
        signs += [
            _sign(rng, str(r), rng.choice([-0.8, 1]) * rng.uniform(0.6, 1.2)) for r in reliefs
        ]
    if rng.random() < 0.35:
        colours = rng.choice(_SKIN, int(rng.integers(1, 3)), replace=False)
        signs += [_sign(rng, str(colour), rng.uniform(0.5, 1.1)) for colour in colours]
    return Disorder(name, tuple(signs), rng.normal(0, 0.16, len(_NAMES)))


def _sign(rng: np.random.Generator, name: str, amount: float) -> Sign:
    return Sign(
        name,
        float(amount),
        penetrance=float(rng.beta(5, 1.6)),
        side=int(rng.choice([-1, 1])),
        place=int(rng.integers(len(_PLACES))),
    )


def _patient(disorder: Disorder, rng: np.random.Generator, severity: float) -> list[Sign]:
    """The signs of one patient, in amounts that are hers, and small ones that are only hers."""
    overall = severity * float(np.clip(rng.lognormal(0, 0.2), 0.6, 1.5))
    own = overall * disorder.build + severity * rng.normal(0, 0.13, len(_NAMES))
    signs = [Sign(name, float(own[row]), 1.0) for row, name in enumerate(_NAMES)]
    for sign in disorder.signs:
        present = rng.random() < sign.penetrance
        strength = float(np.clip(rng.lognormal(0, 0.3), 0.5, 1.7))
        side = sign.side if rng.random() < 0.8 else -sign.side
        if present:
            amount = overall * strength * sign.amount
            signs.append(Sign(sign.name, amount, 1.0, side, sign.place))
    return signs


# Form: points, displacements, moving least squares


@cache
def _mesh() -> tuple[Floats, Mapping[str, int]]:
    """Points in the face frame `(n, 2)`, and the row of each: `name` of the midline, `name+` at
    the image's right, `name-` at its left."""
    rows: dict[str, tuple[float, float]] = dict(_MIDLINE)
    for name, (x, y) in _PAIRED.items():
        rows[f"{name}+"], rows[f"{name}-"] = (x, y), (-x, y)
    fixed = sorted({(side * x, y) for x, y in _FIXED for side in (-1, 1)})
    points = np.array([*rows.values(), *fixed], dtype=np.float64)
    return points, {name: row for row, name in enumerate(rows)}


@cache
def _displacement(name: str, side: int) -> Floats:
    """Where a sign of amount 1 moves the points, `(n, 2)` in the face frame."""
    points, rows = _mesh()
    moves = np.zeros_like(points)
    sided = name in _ONE_SIDED
    for point, (x, y) in (_ONE_SIDED if sided else _MODES)[name].items():
        if point in _MIDLINE:
            moves[rows[point]] = (x * side if sided else x, y)
            continue
        if not sided or side > 0:
            moves[rows[f"{point}+"]] = (x, y)
        if not sided or side < 0:
            moves[rows[f"{point}-"]] = (-x, y)
    return moves


def _frame(landmarks: Landmarks) -> Floats:
    """Affine map `(2, 3)` from the face frame to the picture, least squares over the landmarks."""
    design = np.column_stack([_LANDMARKS, np.ones(5)])
    return np.asarray(np.linalg.lstsq(design, landmarks.astype(np.float64))[0].T)


def _placed(landmarks: Landmarks, frame: Floats) -> Floats:
    """The mesh in the picture `(n, 2)`; points near a landmark take its residual along."""
    points = _mesh()[0]
    residual = landmarks - (_LANDMARKS @ frame[:, :2].T + frame[:, 2])
    nearness = 1 / (np.square(points[:, None] - _LANDMARKS).sum(axis=2) + 1e-3)
    share = nearness / (nearness.sum(axis=1, keepdims=True) + 1.0)
    return np.asarray(points @ frame[:, :2].T + frame[:, 2] + share @ residual)


_STEP = 4
"""Pixels between the nodes at which the map is solved; between them it is bilinear."""
_SOFTNESS = 0.15
"""In half eye distances: without it skin between two close points is stretched or squeezed."""
_SHRUNK, _STRETCHED = 0.3, 2.8
"""Least and greatest change of area back to the face as it was, else all moves are made smaller:
beyond it a face smears or folds."""


def _moved(
    pixels: Pixels, landmarks: Landmarks, frame: Floats, signs: Sequence[Sign]
) -> tuple[Pixels, Landmarks]:
    points = _placed(landmarks, frame)
    moves = np.zeros_like(points)
    for sign in signs:
        if sign.name in _MODES or sign.name in _ONE_SIDED:
            moves += sign.amount * _displacement(sign.name, sign.side)
    moves = moves @ frame[:, :2].T
    softness = _SOFTNESS * float(np.hypot(*frame[:, 0]))
    height, width = pixels.shape[:2]
    grid = np.stack(
        np.meshgrid(np.arange(0, width + _STEP, _STEP), np.arange(0, height + _STEP, _STEP)), axis=2
    ).astype(np.float64)
    for attempt in range(9):
        back = moving_least_squares(grid.reshape(-1, 2), points + moves, points, softness)
        area = _area(back.reshape(grid.shape))
        if (area.min() > _SHRUNK and area.max() < _STRETCHED) or attempt == 8:
            break
        moves *= 0.88
    nodes = back.reshape(grid.shape).astype(np.float32)
    # An affine warp, not a resize: the nodes have to lie at pixels 0, 4, 8, ….
    scale = np.array([[1 / _STEP, 0, 0], [0, 1 / _STEP, 0]])
    source = cv2.warpAffine(
        nodes, scale, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    picture = cv2.remap(
        pixels, source[..., 0], source[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(picture, np.uint8), _forward(landmarks, points, moves, softness)


def moving_least_squares(places: Floats, source: Floats, target: Floats, softness: float) -> Floats:
    """Where the map that takes `source` to `target`, both `(n, 2)`, takes `places` `(m, 2)`.

    At each place the affine map is solved that fits the points best, near ones weighing more. The
    map is exact at the points where `softness`, in pixels, is 0; else it is smoother there.
    """
    across, down = (np.subtract.outer(places[:, axis], source[:, axis]) for axis in (0, 1))
    distance = np.sqrt(across * across + down * down + softness * softness)
    weights = 1 / (distance * distance * distance)
    weights /= weights.sum(axis=1, keepdims=True)
    source_mean, target_mean = weights @ source, weights @ target
    products = np.column_stack([source[:, :1] * source, source[:, 1:] * source])
    moments = (weights @ products).reshape(-1, 2, 2)
    moments -= source_mean[:, :, None] * source_mean[:, None]
    crossed = np.column_stack([source[:, :1] * target, source[:, 1:] * target])
    mixed = (weights @ crossed).reshape(-1, 2, 2) - source_mean[:, :, None] * target_mean[:, None]
    affine = np.linalg.solve(moments + 1e-6 * np.eye(2), mixed)
    return np.asarray(((places - source_mean)[:, None] @ affine)[:, 0] + target_mean)


def _area(nodes: Floats) -> Floats:
    """Change of area of each cell of the grid."""
    across, down = np.diff(nodes, axis=1)[:-1], np.diff(nodes, axis=0)[:, :-1]
    cells = across[..., 0] * down[..., 1] - across[..., 1] * down[..., 0]
    return np.asarray(cells / _STEP**2)


def _forward(landmarks: Landmarks, points: Floats, moves: Floats, softness: float) -> Landmarks:
    """Where landmarks go: the places that the map takes back to them, by fixed-point iteration."""
    wanted = landmarks.astype(np.float64)
    places = wanted.copy()
    for _ in range(12):
        places += wanted - moving_least_squares(places, points + moves, points, softness)
    return places.astype(np.float32)


# Relief and skin: painted in the face frame before the face is moved

_FINE = 32
"""Nodes of the painting frame in a unit of the face frame."""
_CORNER = (-3.2, -2.6)
_CANVAS = (205, 205)


@cache
def _coordinates() -> tuple[Floats, Floats]:
    x, y = np.meshgrid(np.arange(_CANVAS[0]), np.arange(_CANVAS[1]))
    return x / _FINE + _CORNER[0], y / _FINE + _CORNER[1]


def _band(line: Sequence[tuple[float, float]], reach: float) -> Floats:
    """1 on the line, falling to 0 at `reach`, as half a cosine; the line's mirror image too."""
    x, y = _coordinates()
    x = np.abs(x) if line[0][0] > 0 else x
    distance = np.full(x.shape, np.inf)
    for (x0, y0), (x1, y1) in pairwise(line):
        dx, dy = x1 - x0, y1 - y0
        along = np.clip(((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy), 0, 1)
        distance = np.minimum(distance, np.hypot(x - x0 - along * dx, y - y0 - along * dy))
    return np.asarray(0.5 + 0.5 * np.cos(np.pi * np.minimum(distance / reach, 1)))


@cache
def _relief(name: str) -> Floats:
    line, reach, height = _RELIEF[name]
    # Blurred, because the two halves meet in an edge where they reach the midline.
    return height * _soft(_band(line, reach), 0.09)


def _soft(field: Floats, blur: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(field, (0, 0), blur * _FINE), np.float64)


@cache
def _region(name: str) -> Floats:
    """Masks 0..1 of what is painted."""
    arc = ((0.4, -0.4), (0.7, -0.54), (1.05, -0.6), (1.6, -0.44))
    if name == "brows":
        return _band(arc, 0.22)
    if name == "joined":
        return _band(((-0.4, -0.42), (0.4, -0.42)), 0.19)
    if name == "malar":
        cheeks, nose = _band(((0.9, 0.95), (1.4, 0.9)), 0.75), _band(((-0.3, 0.7), (0.3, 0.7)), 0.5)
        return _soft(np.maximum(cheeks, 0.6 * nose), 0.16)
    if name == "orbits":
        ring = _band(((0.65, 0.06), (1.0, 0.0), (1.4, 0.02)), 0.52)
        return ring * (1 - _band(((0.75, 0.0), (1.25, 0.0)), 0.2))
    if name == "lips":
        upper, lower = (((-0.7, 1.97), (0.7, 1.97)), ((-0.5, 2.22), (0.5, 2.22)))
        return _soft(np.maximum(_band(upper, 0.2), _band(lower, 0.24)), 0.04)
    if name == "face":
        x, y = _coordinates()
        return np.asarray(np.clip(4 * (1 - np.hypot(x / 2.0, (y - 0.9) / 2.5)), 0, 1))
    raise KeyError(name)


def _painted(
    pixels: Pixels, frame: Floats, signs: Sequence[Sign], rng: np.random.Generator
) -> Pixels:
    """Relief shades the face, then pigment and hair multiply it."""
    heights = [sign.amount * _relief(sign.name) for sign in signs if sign.name in _RELIEF]
    colours = [sign for sign in signs if sign.name in _SKIN and sign.name != "sparse brows"]
    bare = sum(sign.amount for sign in signs if sign.name == "sparse brows")
    light = np.array([rng.normal(0, 0.35), rng.normal(-0.45, 0.15), 1.0])
    if bare:
        pixels = _without_brows(pixels, frame, bare)
    if not heights and not colours:
        return pixels
    gain = np.ones((*_CANVAS[::-1], 3))
    if heights:
        gain *= _lambert(np.sum(heights, axis=0), light)[..., None]
    for sign in colours:
        gain *= _stain(sign, rng)
    laid = _laid(gain, frame, pixels.shape[1::-1], outside=1.0)
    return np.asarray(np.clip(pixels * laid + 0.5, 0, 255), np.uint8)


def _laid(field: Floats, frame: Floats, size: tuple[int, ...], outside: float) -> Floats:
    """A field of the painting frame laid on the picture."""
    to_face = np.array([[1 / _FINE, 0, _CORNER[0]], [0, 1 / _FINE, _CORNER[1]], [0, 0, 1]])
    laid = cv2.warpAffine(field, frame @ to_face, size, borderValue=(outside,) * 4)
    return np.asarray(laid, np.float64)


def _without_brows(pixels: Pixels, frame: Floats, amount: float) -> Pixels:
    """Hair of the brows gives way to the skin about it."""
    mask = _laid(_region("brows"), frame, pixels.shape[1::-1], outside=0.0)[..., None]
    reach = max(3, round(0.3 * float(np.hypot(*frame[:, 0]))) | 1)
    skin = cv2.GaussianBlur(cv2.dilate(pixels, np.ones((reach, reach))), (0, 0), reach / 3)
    missing = np.maximum(skin.astype(np.float64) - pixels, 0)
    return np.asarray(pixels + min(0.75 * amount, 0.9) * mask * missing, np.uint8)


def _lambert(height: Floats, light: Floats) -> Floats:
    """How much brighter the face is with the relief on it: Lambert's law on an ellipsoid."""
    x, y = _coordinates()
    bare = np.stack([x / 3.4, (y - 0.9) / 4.2, np.ones_like(x)], axis=2)
    down, across = np.gradient(height, 1 / _FINE)
    bumpy = bare - np.stack([across, down, np.zeros_like(x)], axis=2)
    ambient = 0.35 * np.linalg.norm(light)
    lit = [
        ambient + np.maximum(normals @ light, 0) / np.linalg.norm(normals, axis=2)
        for normals in (bumpy, bare)
    ]
    return np.asarray(np.clip(lit[0] / lit[1], 0.55, 1.5))


def _stain(sign: Sign, rng: np.random.Generator) -> Floats:
    """The gain `(h, w, 3)` of red, green and blue by a skin sign."""
    amount = min(sign.amount, 1.6)
    if sign.name in ("dense brows", "joined brows"):
        # Hairs stand up at the inner end: noise blurred along y.
        hairs = 1 + 0.15 * _noise(rng, (0.9, 2.5))
        mask = _region("brows") if sign.name == "dense brows" else _region("joined")
        return _tint(mask * hairs, amount, (0.62, 0.61, 0.62))
    if sign.name == "malar flush":
        return _tint(_region("malar") * (1 + 0.2 * _noise(rng, (6, 6))), amount, (1.02, 0.84, 0.86))
    if sign.name == "dark orbits":
        return _tint(_region("orbits"), amount, (0.74, 0.68, 0.72))
    if sign.name == "lip colour":
        tint = (0.92, 0.7, 0.76) if sign.place % 2 else (0.8, 0.84, 1.02)
        return _tint(_region("lips"), amount, tint)
    if sign.name == "freckles":
        spots = np.clip(2.0 * (_noise(rng, (1.1, 1.1)) - 1.1), 0, 1)
        return _tint(spots * _region("malar"), amount, (0.68, 0.58, 0.52))
    x, y = _coordinates()
    if sign.name == "one-sided stain":
        edge = x * sign.side - 0.15 + 0.25 * _noise(rng, (9, 9))
        lowest = 2.0 if sign.place % 2 else 0.7
        part = np.clip(5 * edge, 0, 1) * np.clip(2 * (lowest - y), 0, 1)
        return _tint(part * _region("face"), amount, (0.96, 0.75, 0.8))
    at_x, at_y = np.array(_PLACES[sign.place]) * (sign.side, 1) + rng.normal(0, 0.2, 2)
    inside = 0.5 + 0.12 * rng.normal() - np.hypot(x - at_x, y - at_y) + 0.22 * _noise(rng, (8, 8))
    patch = np.clip(4 * inside, 0, 1) * _region("face")
    tint = (0.78, 0.68, 0.6) if sign.name == "brown patch" else (1.18, 1.22, 1.26)
    return _tint(patch, amount, tint)


def _tint(mask: Floats, amount: float, tint: tuple[float, float, float]) -> Floats:
    """The tint to the power of mask and amount, so that half of it is half on a scale of ratios."""
    return np.asarray(np.exp((amount * mask)[..., None] * np.log(tint)))


def _noise(rng: np.random.Generator, blur: tuple[float, float]) -> Floats:
    """Smooth noise over the canvas of standard deviation 1; `blur` across and down, in nodes."""
    rough = rng.standard_normal(_CANVAS[::-1]).astype(np.float32)
    smooth = cv2.GaussianBlur(rough, (0, 0), sigmaX=blur[0], sigmaY=blur[1])
    return np.asarray(smooth / smooth.std(), np.float64)
