"""Simulated readers on disk: exports of eye trackers, ratings, and the plan, which is the truth.

All is written beside the place and renamed at the end, so that there is a whole study or none.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from gestalt_space import __version__
from gestalt_space.atomic_folders import whole_folder
from gestalt_space.errors import OutputError, UsageError
from gestalt_space.paths import display_name
from gestalt_space.progress import Progress, no_progress
from gestalt_space.simulate.cohort_files import PATIENTS_TABLE
from gestalt_space.simulate.cohort_files import TRUTH as COHORT_TRUTH
from gestalt_space.simulate.gaze_exports import FORMATS
from gestalt_space.simulate.gaze_samples import TrackerPlan, placements, record
from gestalt_space.simulate.readers import (
    AREAS,
    PlannedTrial,
    ReadersPlan,
    ShownFace,
    SimulatedReader,
    draw_readers,
    group_attention,
)
from gestalt_space.tables.rows import RecordReader, RowWriter

READERS_FILE = "gestalt-space readers"
FORMAT = f"{READERS_FILE} 1"
EXPORTS = "exports"
READERS_TABLE, PHOTOS_TABLE = "readers.csv", "photos.csv"
FIXATIONS_TABLE, MEASURES_TABLE, RATINGS_TABLE = "fixations.csv", "measures.csv", "ratings.csv"
TRUTH = "truth.json"
MEASURES_COLUMNS = (
    *("reader", "group", "photo", "ancestry", "area"),
    *("dwell", "dwell_share", "fixations", "first_fixation"),
)


def read_faces(folder: Path, most: int | None = None) -> tuple[ShownFace, ...]:
    """The first photo of each patient of a simulated cohort, up to `most`, as many with a disorder
    as without if there are enough. Raises `UsageError` for a folder that is none of a cohort."""
    from PIL import Image

    try:
        truth = json.loads((folder / COHORT_TRUTH).read_bytes())
        with (folder / PATIENTS_TABLE).open(newline="", encoding="utf-8") as stream:
            rows = [dict(row) for row in RecordReader(stream)]
        landmarks = {one["photo"]: one["landmarks"] for one in truth["photos"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{display_name(folder)} is not a simulated cohort.",
            "Give a folder that `gestalt simulate cohort` wrote.",
        ) from error
    first: dict[str, dict[str, str]] = {}
    for row in rows:
        first.setdefault(row["patient"], row)
    kinds = [
        [row for row in first.values() if bool(row["disorder"]) == is_ill]
        for is_ill in (True, False)
    ]
    if most is not None:
        share = min(len(kinds[1]), most // 2)
        ill = kinds[0][: most - share]
        kinds = [ill, kinds[1][: most - len(ill)]]
    found = []
    for row in (row for kind in kinds for row in kind):
        path = folder / row["photo"]
        with Image.open(path) as image:
            width, height = image.size
        found.append(
            ShownFace(
                path.name,
                width,
                height,
                np.array(landmarks[int(path.stem)], np.float32),
                row["ancestry"],
                bool(row["disorder"]),
                row["disorder"],
            )
        )
    return tuple(found)


def check_readers_place(folder: Path, *, overwrite: bool) -> None:
    """Raises `OutputError` or `UsageError` if no readers can be written to `folder`."""
    shown = display_name(folder)
    if os.path.lexists(folder) and Path.cwd().is_relative_to(os.path.realpath(folder)):
        raise UsageError(f"{shown} is the current folder.", "Choose a new folder in it.")
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    try:
        with (folder / TRUTH).open("rb") as stream:
            ours = READERS_FILE.encode() in stream.read(100)
    except OSError:
        ours = False
    if not ours:
        raise OutputError(
            f"{shown} already exists, and has no simulated readers.", "Choose another folder."
        )
    if not overwrite:
        raise OutputError(
            f"{shown} already has simulated readers.", "Choose another folder, or add --overwrite."
        )


def write_readers(
    plan: ReadersPlan,
    tracker: TrackerPlan,
    faces: Sequence[ShownFace],
    folder: Path,
    *,
    formats: Sequence[str] = ("tobii",),
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> tuple[SimulatedReader, ...]:
    """Draw readers and write them into `folder`: `exports/`, with a folder for each of the
    `formats`, tables of readers, photos, ratings, planned fixations and their measures, and
    `truth.json`.

    Raises as `check_readers_place` does, and `UsageError` for an unknown format.
    """
    check_readers_place(folder, overwrite=overwrite)
    for name in formats:
        if name not in FORMATS:
            raise UsageError(f"Unknown format {name!r}.", f"Choose one of: {', '.join(FORMATS)}.")
    readers = draw_readers(plan, faces)
    places = placements(faces)
    with whole_folder(folder, private=False) as place:
        recordings = []
        for number, reader in enumerate(readers, start=1):
            recordings.append(record(reader, places, tracker, plan.seed))
            progress(number, len(readers))
        for name in formats:
            (place / EXPORTS / name).mkdir(parents=True)
            FORMATS[name](recordings, place / EXPORTS / name)
        by_photo = {face.photo: face for face in faces}
        _write(place / READERS_TABLE, ("reader", "group"), ((r.name, r.group) for r in readers))
        _write(
            place / PHOTOS_TABLE,
            ("photo", "ancestry", "truth", "disorder", "note"),
            ((f.photo, f.ancestry, int(f.ill), f.disorder, "simulated face") for f in faces),
        )
        trials = [trial for reader in readers for trial in reader.trials]
        _write(
            place / RATINGS_TABLE,
            ("reader", "group", "case", "ancestry", "truth", "rating"),
            (_rating_row(trial, by_photo[trial.trial.medium]) for trial in trials),
        )
        _write(
            place / FIXATIONS_TABLE,
            ("reader", "photo", "fixation", "start", "duration", "x", "y", "area"),
            (row for trial in trials for row in _fixation_rows(trial)),
        )
        _write(
            place / MEASURES_TABLE,
            MEASURES_COLUMNS,
            (row for trial in trials for row in _measure_rows(trial, by_photo)),
        )
        _write_truth(place / TRUTH, plan, tracker, readers)
    return readers


def _rating_row(trial: PlannedTrial, face: ShownFace) -> tuple[object, ...]:
    looked = trial.trial
    return looked.reader, trial.group, face.photo, face.ancestry, int(face.ill), trial.rating


def _fixation_rows(trial: PlannedTrial) -> Iterator[tuple[object, ...]]:
    looked, found = trial.trial, trial.trial.fixations
    for number, area in enumerate(trial.areas):
        values = (float(of[number]) for of in (found.start, found.duration, found.x, found.y))
        yield (
            looked.reader,
            looked.medium,
            number + 1,
            *(f"{value:.4f}" for value in values),
            area,
        )


def _measure_rows(trial: PlannedTrial, faces: dict[str, ShownFace]) -> Iterator[tuple[object, ...]]:
    looked, found = trial.trial, trial.trial.fixations
    areas = np.array(trial.areas)
    whole = float(found.duration.sum())
    for name in AREAS:
        inside = areas == name
        dwell = float(found.duration[inside].sum())
        first = f"{found.start[inside][0]:.4f}" if inside.any() else ""
        yield (
            *(looked.reader, trial.group, looked.medium, faces[looked.medium].ancestry, name),
            *(f"{dwell:.4f}", f"{dwell / whole:.5f}", int(inside.sum()), first),
        )


def _write_truth(
    path: Path, plan: ReadersPlan, tracker: TrackerPlan, readers: Sequence[SimulatedReader]
) -> None:
    truth = {
        "format": FORMAT,
        "simulated": True,
        "gestalt_space": __version__,
        "plan": asdict(plan),
        "tracker": asdict(tracker),
        "areas": [*AREAS],
        "attention": {
            name: np.round(group_attention(plan, number), 4).tolist()
            for number, name in enumerate(plan.groups)
        },
        "readers": [
            {
                "reader": one.name,
                "group": one.group,
                "skill": round(one.skill, 3),
                "attention": np.round(one.attention, 4).tolist(),
            }
            for one in readers
        ],
    }
    text = json.dumps(truth, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def _write(path: Path, columns: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = RowWriter(stream)
        table.write(columns)
        table.write_all(rows)
