"""Simulated recordings as the programs of eye trackers export them, each in its own columns, units
and coordinates. Every file says that it is simulated, where its format has a place for it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from gestalt_space.gaze.types import Floats
from gestalt_space.simulate.gaze_samples import SCREEN, SimulatedRecording
from gestalt_space.tables.rows import RowWriter

if TYPE_CHECKING:
    import pandas

PROJECT = "SIMULATED by gestalt-space"
CLOCK = 329_000.0
"""Where the clock of Pupil Labs stands at the beginning of a recording, in seconds."""

Write: TypeAlias = Callable[[Sequence[SimulatedRecording], Path], None]


def _medium_of(recording: SimulatedRecording) -> np.ndarray:
    """The place in `shown` of the photo at each sample, −1 between photos."""
    time = recording.samples.time
    onsets = np.array([one.onset for one in recording.shown])
    offsets = np.array([one.offset for one in recording.shown])
    found = np.searchsorted(onsets, time, side="right") - 1
    return np.where((found >= 0) & (time < offsets[np.maximum(found, 0)]), found, -1)


def _tobii(recording: SimulatedRecording, *, new: bool) -> pandas.DataFrame:
    """Tobii Pro Lab. `new`: headings with units in brackets and times in microseconds; else those
    of older versions, in milliseconds, with fixations in shares of the medium, too."""
    import pandas

    samples, number = recording.samples, recording.fixation
    medium = _medium_of(recording)
    there, inside = medium >= 0, number >= 0
    places = [one.placement for one in recording.shown]

    def of_fixation(values: Floats) -> Floats:
        return np.where(inside, values[np.maximum(number, 0)], np.nan)

    def of_medium(name: str) -> Floats:
        values = np.array([float(getattr(place, name)) for place in places])
        return np.where(there, values[np.maximum(medium, 0)], np.nan)

    # The tracker's filter fills short gaps, so that a lost sample does not end a fixation.
    between = np.where(there, "Saccade", "Unclassified")
    kinds = np.where(inside, "Fixation", np.where(samples.valid, between, "EyesNotFound"))
    x, y = of_fixation(recording.x), of_fixation(recording.y)
    names = np.array([*(one.medium for one in recording.shown), ""])[medium]
    valid = np.where(samples.valid, "Valid", "Invalid")
    screen = " [DACS px]" if new else " (DACSpx)"
    pixels = " [px]" if new else " (px)"
    milliseconds = " [ms]" if new else " (ms)"
    columns = {
        "Recording timestamp [μs]" if new else "Recording timestamp (ms)": np.round(
            samples.time * (1e6 if new else 1e3)
        ).astype(np.int64),
        "Sensor": "Eye Tracker",
        "Project name": PROJECT,
        "Participant name": recording.reader,
        "Recording name": "Recording1",
        f"Gaze point X{screen if new else ''}": np.round(samples.x),
        f"Gaze point Y{screen if new else ''}": np.round(samples.y),
        "Validity left": valid,
        "Validity right": valid,
        "Eye movement type": kinds,
        f"{'Eye movement event' if new else 'Gaze event'} duration{milliseconds}": np.round(
            of_fixation(recording.duration) * 1e3
        ),
        "Eye movement type index": np.where(inside, number + 1.0, np.nan),
        f"Fixation point X{screen if new else ''}": np.round(x),
        f"Fixation point Y{screen if new else ''}": np.round(y),
        "Presented Media name": names,
        f"Presented Media width{pixels}": of_medium("width"),
        f"Presented Media height{pixels}": of_medium("height"),
        f"Presented Media position X{screen}": of_medium("left"),
        f"Presented Media position Y{screen}": of_medium("top"),
        f"Original Media width{pixels}": of_medium("photo_width"),
        f"Original Media height{pixels}": of_medium("photo_height"),
    }
    if not new:
        columns |= {
            "Fixation point X (MCSnorm)": (x - of_medium("left")) / of_medium("width"),
            "Fixation point Y (MCSnorm)": (y - of_medium("top")) / of_medium("height"),
        }
    return pandas.DataFrame(columns)


def write_tobii(recordings: Sequence[SimulatedRecording], folder: Path) -> None:
    """Tobii Pro Lab, a new version: a file per reader."""
    for one in recordings:
        _write(_tobii(one, new=True), folder / f"{one.reader}.tsv")


def write_tobii_old(recordings: Sequence[SimulatedRecording], folder: Path) -> None:
    """Tobii Pro Lab, an older version, on a computer that writes decimal commas."""
    for one in recordings:
        _write(_tobii(one, new=False), folder / f"{one.reader}.tsv", decimal=",")


def write_pupil(recordings: Sequence[SimulatedRecording], folder: Path) -> None:
    """Pupil Labs: a folder per reader, gaze on the screen as a surface. It does not say what was
    shown; `media.csv` does."""
    import pandas

    for one in recordings:
        place = folder / one.reader
        place.mkdir()
        samples = one.samples
        frames = (samples.time * 30).astype(np.int64)
        _write(
            pandas.DataFrame(
                {
                    "gaze_timestamp": CLOCK + samples.time,
                    "world_index": frames,
                    "confidence": np.where(samples.valid, 0.98, 0.0),
                    "norm_pos_x": np.nan_to_num(samples.x / SCREEN[0]),
                    "norm_pos_y": np.nan_to_num(1 - samples.y / SCREEN[1]),
                    "base_data": PROJECT,
                }
            ),
            place / "gaze_positions.csv",
        )
        _write(
            pandas.DataFrame(
                {
                    "id": np.arange(1, len(one.start) + 1),
                    "start_timestamp": CLOCK + one.start,
                    "duration": one.duration * 1e3,
                    "start_frame_index": (one.start * 30).astype(np.int64),
                    "end_frame_index": ((one.start + one.duration) * 30).astype(np.int64),
                    "norm_pos_x": one.x / SCREEN[0],
                    "norm_pos_y": 1 - one.y / SCREEN[1],
                    "dispersion": 1.0,
                    "confidence": 0.98,
                    "method": "gaze",
                    "base_data": PROJECT,
                }
            ),
            place / "fixations.csv",
        )
    _write_media(recordings, folder / "media.csv", CLOCK)


def write_bids(recordings: Sequence[SimulatedRecording], folder: Path) -> None:
    """BIDS eye tracking: a data set with one eye per reader. It does not say where photos stood;
    `media.csv` does."""
    import pandas

    _write_json(
        folder / "dataset_description.json",
        {"Name": PROJECT, "BIDSVersion": "1.11.0", "DatasetType": "raw", "License": "CC0"},
    )
    with (folder / "participants.tsv").open("w", newline="", encoding="utf-8") as stream:
        table = RowWriter(stream, "\t")
        table.write(("participant_id", "group"))
        table.write_all((f"sub-{one.reader}", one.group) for one in recordings)
    for one in recordings:
        place = folder / f"sub-{one.reader}" / "beh"
        place.mkdir(parents=True)
        stem = f"sub-{one.reader}_task-faces_run-01"
        samples = one.samples
        rate = round(1 / float(samples.time[1] - samples.time[0]), 3)
        eye = f"{stem}_recording-eye1_physio"
        _write_json(
            place / f"{eye}.json",
            {
                "PhysioType": "eyetrack",
                "Manufacturer": PROJECT,
                "RecordedEye": "cyclopean",
                "SampleCoordinateSystem": "gaze-on-screen",
                "SamplingFrequency": rate,
                "StartTime": 0,
                "Columns": ["timestamp", "x_coordinate", "y_coordinate"],
                "timestamp": {"Units": "ms"},
                "x_coordinate": {"Units": "pixel"},
                "y_coordinate": {"Units": "pixel"},
            },
        )
        frame = pandas.DataFrame({"timestamp": samples.time * 1e3, "x": samples.x, "y": samples.y})
        text = frame.to_csv(
            sep="\t",
            index=False,
            header=False,
            na_rep="n/a",
            float_format="%.2f",
            lineterminator="\n",
        )
        (place / f"{eye}.tsv.gz").write_bytes(gzip.compress(text.encode(), 6, mtime=0))
        events = pandas.DataFrame(
            {
                "onset": [shown.onset for shown in one.shown],
                "duration": [shown.offset - shown.onset for shown in one.shown],
                "stim_file": [shown.medium for shown in one.shown],
            }
        )
        _write(events, place / f"{stem}_events.tsv")
        _write_json(
            place / f"{stem}_events.json",
            {
                "StimulusPresentation": {
                    "ScreenOrigin": ["top", "left"],
                    "ScreenResolution": list(SCREEN),
                }
            },
        )
    _write_media(recordings[:1], folder / "media.csv", None)
    _write_readers(folder / "readers.csv", {f"sub-{one.reader}": one.group for one in recordings})


def write_table(recordings: Sequence[SimulatedRecording], folder: Path) -> None:
    """A table of our own columns, with the mapping that says what they are."""
    import pandas

    for one in recordings:
        samples, medium = one.samples, _medium_of(one)
        names = np.array([*(shown.medium for shown in one.shown), ""])[medium]
        _write(
            pandas.DataFrame(
                {
                    "ms": np.round(samples.time * 1e3, 2),
                    "who": one.reader,
                    "picture": names,
                    "gaze_x": samples.x,
                    "gaze_y": samples.y,
                    "seen": samples.valid.astype(int),
                    "note": PROJECT,
                }
            ),
            folder / f"{one.reader}.csv",
        )
    mapping = (
        '[columns]\ntime = "ms"\nreader = "who"\nmedium = "picture"\nx = "gaze_x"\n'
        'y = "gaze_y"\nvalid = "seen"\n\n[units]\ntime = "ms"\n'
    )
    (folder / "mapping.toml").write_text(f"# {PROJECT}\n{mapping}", encoding="utf-8")
    _write_media(recordings[:1], folder / "media.csv", None)


FORMATS: Mapping[str, Write] = {
    "tobii": write_tobii,
    "tobii-old": write_tobii_old,
    "pupil": write_pupil,
    "bids": write_bids,
    "table": write_table,
}
"""Writers by the name of their format."""


def _write(frame: pandas.DataFrame, path: Path, decimal: str = ".") -> None:
    separator = "\t" if path.suffix == ".tsv" else ","
    frame.to_csv(
        path,
        sep=separator,
        index=False,
        decimal=decimal,
        float_format="%.10g",
        encoding="utf-8",
        lineterminator="\n",
    )


def _write_json(path: Path, document: Mapping[str, object]) -> None:
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _write_media(recordings: Sequence[SimulatedRecording], path: Path, clock: float | None) -> None:
    """Where photos stood; with a `clock`, also when each reader saw them."""
    head = ("medium", "left", "top", "width", "height", "photo_width", "photo_height")
    times = () if clock is None else ("reader", "onset", "offset")
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = RowWriter(stream)
        table.write((*head, *times))
        for one in recordings:
            for shown in one.shown:
                place = [getattr(shown.placement, name) for name in head[1:]]
                when = (
                    ()
                    if clock is None
                    else (one.reader, f"{clock + shown.onset:.4f}", f"{clock + shown.offset:.4f}")
                )
                table.write((shown.medium, *place, *when))


def _write_readers(path: Path, groups: Mapping[str, str]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = RowWriter(stream)
        table.write(("reader", "group"))
        table.write_all(groups.items())
