"""Batches to files: crops into a folder, descriptors into `.npz`, `.parquet` or `.csv`.

A file appears when it is whole, and is its owner's alone; one that was there before stays unless it
may be overwritten.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from gestalt_space.atomic_files import (
    check_free,
    check_new_file,
    make_private_folder,
    open_private,
    unwritable,
    write_atomically,
)
from gestalt_space.descriptors import to_slots
from gestalt_space.encoders.specification import EncoderSpec
from gestalt_space.faces.crops import crop_to_png
from gestalt_space.gallery.pipeline import PhotoResult
from gestalt_space.paths import display_name
from gestalt_space.tables.rows import RecordReader, RowWriter
from gestalt_space.types import Descriptors, EncodingRun

CROP_TABLE = "crops.csv"
PART_TABLE = f"{CROP_TABLE}.part"
"""The table of crops until the last photo is done."""
LONGEST_STEM = 160
"""Bytes of a photo's name that its crop's name keeps."""
_POINTS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
CROP_COLUMNS = (
    "photo",
    "crop",
    "error",
    "detector",
    "step",
    "score",
    "face",
    "faces",
    "sharpness",
    "size",
    "yaw",
    "roll",
    *(f"box_{edge}" for edge in ("x0", "y0", "x1", "y1")),
    *(f"{point}_{axis}" for point in _POINTS for axis in "xy"),
)


@dataclass(frozen=True, slots=True)
class EncodedBatch:
    """Descriptors `(n, d)` of photos `(n,)`, and the photos that failed, with the reasons; the
    space, and what the descriptors were made with."""

    photos: tuple[str, ...]
    descriptors: Descriptors
    failed: tuple[tuple[str, str], ...]
    spec: EncoderSpec
    run: EncodingRun


def write_crops(
    results: Iterable[PhotoResult], folder: Path, *, overwrite: bool = False
) -> Iterator[PhotoResult]:
    """Write each face's crop as PNG into `folder`, and `crops.csv` that says which is which.

    Crops bear the names of their photos, numbered where the name is taken. Each row is on the disk
    before its crop is, in `crops.csv.part` until the last: what is interrupted leaves no crop
    without a row. What such a table lists is written over, and with `overwrite` what an earlier
    `crops.csv` lists; nothing else ever is. Gives each result back as it is written. Raises
    `OutputError` where `folder` has a `crops.csv` already or cannot be written to.
    """
    table, part = folder / CROP_TABLE, folder / PART_TABLE
    try:
        make_private_folder(folder)
        check_free(table, overwrite)
        ours, used = _listed_crops(table) | _listed_crops(part), set[str]()
        rows: list[Sequence[object]] = [CROP_COLUMNS]
        # Rows of an earlier try stay until the end: they say which crops are ours.
        with open_private(part, "a") as stream:
            if not stream.tell():
                stream.write(_csv_text(rows))
            for result in results:
                name = ""
                if result.face is not None:
                    name = _free_name(folder, Path(result.source.name).stem, used, ours)
                rows.append(_crop_row(result, name))
                stream.write(_csv_text(rows[-1:]))
                stream.flush()
                if result.face is not None:
                    write_atomically(folder / name, crop_to_png(result.face.crop))
                yield result
        write_atomically(table, _csv_text(rows).encode("utf-8", "replace"))
        part.unlink()
    except OSError as error:
        raise unwritable(folder, error) from error


def collect(results: Iterable[PhotoResult], spec: EncoderSpec, run: EncodingRun) -> EncodedBatch:
    """Gather the descriptors of results, in order; `spec` and `run` are their encoder's."""
    photos, rows, failed = [], [], []
    for result in results:
        if result.descriptor is not None:
            photos.append(result.source.name)
            rows.append(result.descriptor)
        elif result.error is not None:
            failed.append((result.source.name, result.error.message))
    empty = np.zeros((0, spec.descriptor_dim), dtype=np.float32)
    return EncodedBatch(tuple(photos), np.stack(rows) if rows else empty, tuple(failed), spec, run)


def check_descriptor_path(path: Path, *, overwrite: bool = False) -> None:
    """Raise where descriptors cannot be written to `path`, before any work is done for them.

    `UsageError` for an ending other than those of `write_descriptors`, `OutputError` for a file
    that is there or a folder that is not.
    """
    check_new_file(path, tuple(_WRITERS), overwrite=overwrite)


def write_descriptors(batch: EncodedBatch, path: Path) -> None:
    """Write descriptors to `.npz`, `.parquet` or `.csv`, by the ending of `path`.

    NPZ: arrays `descriptors` `(n, d)` float32, `photos` `(n,)`, `failed` `(m,)`, `failed_reasons`
    `(m,)`, and as JSON the space's specification in `space` and precision, device and runtime in
    `run`. Parquet: columns `photo` and `descriptor`, and `space`, `run` and `failed` as JSON in the
    file's metadata. CSV: GestaltMatcher-Arc's
    encodings, a row for each photo and slot, separated by `;`, which `read_encodings` reads back to
    the same bits; photos that failed are not in it. Raises `OutputError`.
    """
    write_atomically(path, _WRITERS[path.suffix.lower()](batch))


def _npz(batch: EncodedBatch) -> bytes:
    stream = io.BytesIO()
    np.savez(
        stream,
        descriptors=batch.descriptors,
        photos=np.array(batch.photos, dtype=np.str_),
        failed=np.array([photo for photo, _ in batch.failed], dtype=np.str_),
        failed_reasons=np.array([reason for _, reason in batch.failed], dtype=np.str_),
        space=np.array(batch.spec.to_json()),
        run=np.array(json.dumps(asdict(batch.run))),
    )
    return stream.getvalue()


def _parquet(batch: EncodedBatch) -> bytes:
    import pyarrow
    import pyarrow.parquet

    n, d = batch.descriptors.shape
    flat = pyarrow.array(batch.descriptors.reshape(n * d))
    table = pyarrow.table(
        {
            "photo": pyarrow.array(batch.photos, pyarrow.string()),
            "descriptor": pyarrow.FixedSizeListArray.from_arrays(flat, d),
        }
    ).replace_schema_metadata(
        {
            "space": batch.spec.to_json(),
            "run": json.dumps(asdict(batch.run)),
            "failed": json.dumps(batch.failed),
        }
    )
    stream = io.BytesIO()
    pyarrow.parquet.write_table(table, stream)
    return stream.getvalue()


def _csv(batch: EncodedBatch) -> bytes:
    from gestalt_space.interop.encodings import encodings_csv, published_slots

    slots = published_slots(batch.spec.slots)
    lines = encodings_csv(batch.photos, slots, to_slots(batch.descriptors, len(slots)))
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")


_WRITERS: dict[str, Callable[[EncodedBatch], bytes]] = {
    ".npz": _npz,
    ".parquet": _parquet,
    ".csv": _csv,
}


def _csv_text(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    RowWriter(text).write_all(rows)
    return text.getvalue()


def _crop_row(result: PhotoResult, name: str) -> Sequence[object]:
    face = result.face
    error = "" if result.error is None else result.error.message
    if face is None:
        return [result.source.name, name, error, *[""] * (len(CROP_COLUMNS) - 3)]
    quality = face.quality
    return [
        result.source.name,
        name,
        error,
        face.detector,
        face.step,
        round(face.score, 4),
        face.number,
        face.count,
        *(round(v, 2) for v in (quality.sharpness, quality.size, quality.yaw, quality.roll)),
        *(round(float(v), 2) for v in (*face.box, *face.landmarks.ravel())),
    ]


def _listed_crops(table: Path) -> frozenset[str]:
    """The crops that an earlier table says were written here."""
    if not table.exists():
        return frozenset()
    with table.open(newline="", encoding="utf-8", errors="replace") as stream:
        rows = RecordReader(stream)
        if tuple(rows.fieldnames or ()) != CROP_COLUMNS:
            return frozenset()
        return frozenset(row["crop"] or "" for row in rows)


def _free_name(folder: Path, stem: str, used: set[str], ours: frozenset[str]) -> str:
    stem = display_name(stem).encode()[:LONGEST_STEM].decode("utf-8", "ignore")
    number, name = 1, f"{stem}.png"
    while name.casefold() in used or (name not in ours and (folder / name).exists()):
        number += 1
        name = f"{stem}-{number}.png"
    used.add(name.casefold())
    return name
