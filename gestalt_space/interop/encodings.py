"""Encodings of images in the published format and in ours: which image, which slot, which vector.

Published (GestaltMatcher-Arc): a row for each image and slot, as text separated by `;` or as a
pickled table: `img_name;model;flip;gray;class_conf;representations`; the older ones lack `model`,
`flip` and `gray`. Ours: the same as arrays, `.npz`, which open in a fraction of the time.
"""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import TableDamaged, UsageError
from gestalt_space.interop.encodings_table import EncodingRows, Slot, number_id, unreadable
from gestalt_space.paths import display_name
from gestalt_space.tables.rows import safe_cell

Vectors: TypeAlias = NDArray[np.float32]
"""`(n, slots, dim)`, of any length."""

ARRAYS = "gestalt-space encodings 1"
HEADER = ("img_name", "model", "flip", "gray", "class_conf", "representations")
_PLACE = ("model", "flip", "gray")
_SLOT_NAME = re.compile(r"model(\d+)(?:-flip([01])-grey([01]))?")


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


def read_encodings(path: Path, *, whole_names: bool = False) -> Encodings:
    """Encodings from `.csv`, `.pkl` or `.npz`, a file of `gestalt encode` among them.

    Images are told by `image_id` of their names, or by the names themselves (`whole_names`). Raises
    `UsageError` for another ending, `TableDamaged` with the row and column for what is not
    as the format says: an image twice in one slot, vectors of mixed length.
    """
    ending = path.suffix.lower()
    if ending == ".npz":
        return _read_arrays(path, whole_names)
    if ending == ".csv":
        from gestalt_space.interop.encodings_csv import read_rows

        return _arranged(path, read_rows(path), whole_names)
    if ending in (".pkl", ".pickle", ".p"):
        from gestalt_space.interop.frames import read_frame

        return _arranged(path, _rows_of_frame(path, read_frame(path)), whole_names)
    raise UsageError(
        f"{path.name} does not end in .csv, .pkl or .npz.",
        "Give the file the ending of its format.",
    )


def image_id(name: str) -> str:
    """The image that a row is of: its name up to the first `_`, or without the file's ending.

    Numbers have one spelling: `000017_aligned.jpg` is the image 17.
    """
    name = name.replace("\\", "/").rpartition("/")[2]
    stem = name.partition("_")[0] if "_" in name else PurePosixPath(name).stem
    return number_id(stem)


def published_slots(names: Sequence[str]) -> list[Slot]:
    """The slots of an encoder as published files name them: `model0-flip0-grey1` is m0, 0, 1.

    Raises `ValueError` for other names than encoders of this package give.
    """
    found = [_SLOT_NAME.fullmatch(name) for name in names]
    if not all(found):
        raise ValueError(f"the slots {', '.join(names)[:80]} are not known")
    return [(f"m{one[1]}", one[2] or "0", one[3] or "0") for one in found if one]


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


def encodings_csv(names: Sequence[str], slots: Sequence[Slot], vectors: Vectors) -> Iterator[str]:
    """The lines of the published text format for images `(n,)` and vectors `(n, s, d)`.

    Numbers are the shortest that are read back to the same bits. There are no class scores.
    """
    yield ";".join(HEADER)
    for name, image in zip(names, vectors, strict=True):
        name = str(safe_cell(name))
        cell = f'"{name.replace(chr(34), chr(34) * 2)}"' if set(name) & set(';"') else name
        for slot, vector in zip(slots, image, strict=True):
            yield ";".join((cell, *slot, "[]", f"[{', '.join(map(str, vector))}]"))


def _read_arrays(path: Path, whole_names: bool) -> Encodings:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            if "descriptors" in file and "space" in file:
                images, slots, vectors = _of_encode(file)
            elif str(file["format"]) == ARRAYS:
                images = file["images"].tolist()
                slots = [(str(m), str(f), str(g)) for m, f, g in file["slots"].tolist()]
                vectors = file["vectors"]
            else:
                raise ValueError(f"its format is {display_name(str(file['format'])[:40])!r}")
    except OSError as error:
        raise unreadable(path, error) from error
    except Exception as error:  # a damaged archive raises anything
        reason = display_name(str(error)[:200]).rstrip(".") or type(error).__name__
        raise TableDamaged(
            f"{path.name} is not a file of encodings as arrays ({reason}).",
            "Make one: `gestalt evaluate arrays --encodings all_encodings.csv -o encodings.npz`.",
        ) from error
    shape = (len(images), len(slots))
    if vectors.ndim != 3 or vectors.shape[:2] != shape or vectors.dtype != np.float32:
        raise TableDamaged(
            f"{path.name} has vectors of shape {vectors.shape} and type {vectors.dtype} for "
            f"{shape[0]} images in {shape[1]} slots.",
            "Make it again from the published file.",
        )
    ids = images if whole_names else [image_id(name) for name in images]
    if len(set(ids)) != len(ids):
        twice = next(image for image, count in Counter(ids).items() if count > 1)
        raise TableDamaged(f"{path.name} has the image {twice} twice.", "Keep only one of them.")
    return _sound(Encodings(tuple(ids), tuple(slots), vectors))


def _of_encode(file: Mapping[str, NDArray[Any]]) -> tuple[list[str], list[Slot], Vectors]:
    """What `gestalt encode` wrote: names, slots and vectors."""
    from gestalt_space.encoders.specification import EncoderSpec

    spec = EncoderSpec.from_json(str(file["space"]))
    slots = published_slots(spec.slots)
    descriptors = file["descriptors"]
    return (
        [str(name) for name in file["photos"]],
        slots,
        descriptors.reshape(len(descriptors), len(slots), -1),
    )


def _rows_of_frame(path: Path, columns: dict[str, list[object]]) -> EncodingRows:
    missing = [name for name in ("img_name", "representations") if name not in columns]
    if missing:
        raise TableDamaged(
            f"{path.name} has no column {missing[0]}.", f"The columns must be {', '.join(HEADER)}."
        )
    names = [str(name) for name in columns["img_name"]]
    places = [columns.get(name, [""] * len(names)) for name in _PLACE]
    slots = [
        (str(model), _flag(flip), _flag(gray)) for model, flip, gray in zip(*places, strict=True)
    ]
    vectors = [_vector(path, row, v) for row, v in enumerate(columns["representations"], start=1)]
    dim = len(vectors[0]) if vectors else 0
    for row, vector in enumerate(vectors, start=1):
        if len(vector) != dim:
            raise TableDamaged(
                f"{path.name}, row {row}, column representations: {len(vector)} numbers instead "
                f"of {dim} as in other rows.",
                "Encode all images with the same model.",
            )
    values = np.stack(vectors) if vectors else np.zeros((0, 0), np.float32)
    return EncodingRows(names, slots, values, first_line=1)


def _vector(path: Path, row: int, cell: object) -> NDArray[np.float32]:
    """The numbers of a cell: a list, an array, or a list as JSON text."""
    try:
        listed = json.loads(cell) if isinstance(cell, str) else cell
        with np.errstate(over="ignore"):  # what is infinite is told as unsound
            vector = np.asarray(listed, dtype=np.float32)
        if vector.ndim != 1:
            raise ValueError(f"its shape is {vector.shape}")
    except (ValueError, TypeError) as error:
        raise TableDamaged(
            f"{path.name}, row {row}, column representations: it is not a list of numbers "
            f"({display_name(str(error)[:80])}).",
            "Encode the image again.",
        ) from error
    return vector


def _flag(value: object) -> str:
    """A flip or grey flag in the one spelling that text files have: 0 or 1."""
    text = str(value)
    return {"True": "1", "False": "0", "1.0": "1", "0.0": "0"}.get(text, text)


def _arranged(path: Path, rows: EncodingRows, whole_names: bool) -> Encodings:
    """Rows put together by image and slot."""
    if not rows.names:
        raise TableDamaged(f"{path.name} has no rows.", f"The columns must be {', '.join(HEADER)}.")
    ids = list(rows.names) if whole_names else [image_id(name) for name in rows.names]
    images = list(dict.fromkeys(ids))
    slots = sorted(set(rows.slots))
    place_of_image = {image: place for place, image in enumerate(images)}
    place_of_slot = {slot: place for place, slot in enumerate(slots)}
    row_of = np.full((len(images), len(slots)), -1, dtype=np.int64)
    for row, (image, slot) in enumerate(zip(ids, rows.slots, strict=True)):
        cell = place_of_image[image], place_of_slot[slot]
        if row_of[cell] >= 0:
            raise TableDamaged(
                f"{path.name}, row {row + rows.first_line}, column img_name: the image {image} is "
                f"already in row {row_of[cell] + rows.first_line}, in the same slot "
                f"({', '.join(slot)}).",
                "Keep only one of them.",
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
