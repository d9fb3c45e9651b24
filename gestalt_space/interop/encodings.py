"""Encodings of images in the published format and in ours: which image, which slot, which vector.

Published (GestaltMatcher-Arc): a row for each image and slot, as text separated by `;` or as a
pickled table: `img_name;model;flip;gray;class_conf;representations`; the older ones lack `model`,
`flip` and `gray`. Ours: the same as arrays, `.npz`, which open in a fraction of the time.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import TableDamaged, UsageError
from gestalt_space.interop.encodings_csv import read_rows
from gestalt_space.interop.encodings_table import Rows, Slot
from gestalt_space.interop.frames import read_frame
from gestalt_space.types import Descriptors

Vectors: TypeAlias = NDArray[np.float32]
"""`(n, slots, dim)`, of any length."""

ARRAYS = "gestalt-space encodings 1"
HEADER = ("img_name", "model", "flip", "gray", "class_conf", "representations")
_PLACE = ("model", "flip", "gray")


@dataclass(frozen=True)
class Encodings:
    """Vectors of images `(n,)`, by identifier, in slots `(s,)`.

    `vectors` `(n, s, d)` float32 as they were read, of any length. `incomplete`: images that lack a
    slot which others have; `unsound`: those with a vector that is zero or not finite. Neither are
    among `images`.
    """

    images: tuple[str, ...]
    slots: tuple[Slot, ...]
    vectors: Vectors
    incomplete: tuple[str, ...] = ()
    unsound: tuple[str, ...] = ()

    def descriptors(self) -> Descriptors:
        """`(n, s × d)` of unit length, whose inner products are the mean cosine of like slots."""
        n, slots, dim = self.vectors.shape
        lengths = np.sqrt(np.einsum("nsd,nsd->ns", self.vectors, self.vectors, dtype=np.float64))
        scaled = self.vectors / (lengths * np.sqrt(slots)).astype(np.float32)[:, :, None]
        return np.ascontiguousarray(scaled.reshape(n, slots * dim))


def read_encodings(path: Path) -> Encodings:
    """Encodings from `.csv`, `.pkl` or `.npz`.

    Raises `UsageError` for another ending, `TableDamaged` with the row and column for what is not
    as the format says: an image twice in one slot, vectors of mixed length.
    """
    ending = path.suffix.lower()
    if ending == ".npz":
        return _read_arrays(path)
    if ending == ".csv":
        return _arranged(path, read_rows(path))
    if ending in (".pkl", ".pickle", ".p"):
        return _arranged(path, _rows_of_frame(path, read_frame(path)))
    raise UsageError(
        f"{path.name} ends in none of .csv, .pkl and .npz.", "Name it after what is in it."
    )


def image_id(name: str) -> str:
    """The image that a row is of: its name up to the first `_`, or without the file's ending."""
    return name.partition("_")[0] if "_" in name else Path(name).stem


def encodings_npz(encodings: Encodings) -> bytes:
    """Encodings as a `.npz` file in our array format."""
    stream = io.BytesIO()
    np.savez(
        stream,
        format=np.array(ARRAYS),
        images=np.array(encodings.images, dtype=np.str_),
        slots=np.array(encodings.slots, dtype=np.str_).reshape(-1, 3),
        vectors=encodings.vectors,
    )
    return stream.getvalue()


def encodings_csv(names: Sequence[str], slots: Sequence[Slot], vectors: Vectors) -> Iterable[str]:
    """The lines of the published text format for images `(n,)` and vectors `(n, s, d)`.

    Numbers are the shortest that are read back to the same bits. There are no class scores.
    """
    yield ";".join(HEADER)
    for name, image in zip(names, vectors, strict=True):
        for slot, vector in zip(slots, image, strict=True):
            yield ";".join((name, *slot, "[]", f"[{', '.join(map(str, vector))}]"))


def _read_arrays(path: Path) -> Encodings:
    try:
        with np.load(path, allow_pickle=False) as file:
            if str(file["format"]) != ARRAYS:
                raise ValueError(f"its format is {str(file['format'])[:40]!r}")
            images = tuple(file["images"].tolist())
            slots = tuple((str(m), str(f), str(g)) for m, f, g in file["slots"].tolist())
            vectors = file["vectors"]
    except OSError as error:
        raise TableDamaged(
            f"{path} cannot be read: {error.strerror}.", "Check the path."
        ) from error
    except (ValueError, KeyError, zipfile.BadZipFile) as error:
        raise TableDamaged(
            f"{path.name} is not a file of encodings in our arrays ({error}).",
            "Make it: `gestalt evaluate arrays --encodings all_encodings.csv -o encodings.npz`.",
        ) from error
    shape = (len(images), len(slots))
    if vectors.ndim != 3 or vectors.shape[:2] != shape or vectors.dtype != np.float32:
        raise TableDamaged(
            f"{path.name} has vectors of shape {vectors.shape} and type {vectors.dtype} for "
            f"{shape[0]} images in {shape[1]} slots.",
            "Make it anew from the published file.",
        )
    if len(set(images)) != len(images):
        raise TableDamaged(f"{path.name} has an image twice.", "Make it anew.")
    return _sound(Encodings(images, slots, vectors))


def _rows_of_frame(path: Path, columns: dict[str, list[object]]) -> Rows:
    missing = [name for name in ("img_name", "representations") if name not in columns]
    if missing:
        raise TableDamaged(
            f"{path.name} has no column {missing[0]}.", f"Expected are {', '.join(HEADER)}."
        )
    names = [str(name) for name in columns["img_name"]]
    places = [columns.get(name, [""] * len(names)) for name in _PLACE]
    slots = [
        (str(model), _flag(flip), _flag(gray)) for model, flip, gray in zip(*places, strict=True)
    ]
    vectors = [np.asarray(v, dtype=np.float32).ravel() for v in columns["representations"]]
    dim = len(vectors[0]) if vectors else 0
    for row, vector in enumerate(vectors, start=1):
        if len(vector) != dim:
            raise TableDamaged(
                f"{path.name}, row {row}, column representations: {len(vector)} numbers where "
                f"others have {dim}.",
                "Encode all images with the same model.",
            )
    values = np.stack(vectors) if vectors else np.zeros((0, 0), np.float32)
    return Rows(names, slots, values, first_line=1)


def _flag(value: object) -> str:
    """A flip or grey flag in the one spelling that text files have: 0 or 1."""
    text = str(value)
    return {"True": "1", "False": "0", "1.0": "1", "0.0": "0"}.get(text, text)


def _arranged(path: Path, rows: Rows) -> Encodings:
    """Rows put together by image and slot."""
    if not rows.names:
        raise TableDamaged(f"{path.name} has no rows.", f"Expected are {', '.join(HEADER)}.")
    ids = [image_id(name) for name in rows.names]
    images = list(dict.fromkeys(ids))
    slots = sorted(set(rows.slots))
    place_of_image = {image: place for place, image in enumerate(images)}
    place_of_slot = {slot: place for place, slot in enumerate(slots)}
    row_of = np.full((len(images), len(slots)), -1, dtype=np.int64)
    for row, (image, slot) in enumerate(zip(ids, rows.slots, strict=True)):
        cell = place_of_image[image], place_of_slot[slot]
        if row_of[cell] >= 0:
            raise TableDamaged(
                f"{path.name}, row {row + rows.first_line}, column img_name: the image {image} "
                f"is in row {row_of[cell] + rows.first_line} already, in the same slot "
                f"({', '.join(slot)}).",
                "Keep one of them.",
            )
        row_of[cell] = row
    whole = np.all(row_of >= 0, axis=1)
    order = row_of[whole].ravel()
    in_order = len(order) == len(rows.values) and bool((np.diff(order) == 1).all())
    values = rows.values if in_order else rows.values[order]
    kept = tuple(image for image, is_whole in zip(images, whole.tolist(), strict=True) if is_whole)
    return _sound(
        Encodings(
            images=kept,
            slots=tuple(slots),
            vectors=values.reshape(len(kept), len(slots), values.shape[1]),
            incomplete=tuple(
                image
                for image, is_whole in zip(images, whole.tolist(), strict=True)
                if not is_whole
            ),
        )
    )


def _sound(encodings: Encodings) -> Encodings:
    """Without the images that have a vector which is zero or not finite."""
    with np.errstate(invalid="ignore", over="ignore"):
        squares = np.einsum("nsd,nsd->ns", encodings.vectors, encodings.vectors)
    sound = np.all(np.isfinite(squares) & (squares > 0), axis=1)
    if sound.all():
        return encodings
    pairs = list(zip(encodings.images, sound.tolist(), strict=True))
    return Encodings(
        images=tuple(image for image, is_sound in pairs if is_sound),
        slots=encodings.slots,
        vectors=encodings.vectors[sound],
        incomplete=encodings.incomplete,
        unsound=tuple(image for image, is_sound in pairs if not is_sound),
    )
