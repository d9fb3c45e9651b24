"""BIDS eye tracking: `_physio.tsv.gz` without headings, a file per eye, with what its columns are
in JSON files beside and above it; `_physioevents` with the tracker's fixations; `_events` with what
was shown. Version 1.11 of the standard, and what was proposed before it.

https://bids-specification.readthedocs.io, Physiological recordings
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gestalt_space.errors import TableDamaged
from gestalt_space.gaze.importing.clock import usual_step
from gestalt_space.gaze.importing.columns import Coded, read_text_file
from gestalt_space.gaze.importing.export import Export, LeftOut
from gestalt_space.gaze.types import Fixations, Floats, Recording, Samples, Shown
from gestalt_space.paths import display_name

FORMAT = "BIDS"
SUFFIXES = ("physio", "eyetrack")
"""What files of samples end in; the second is that of proposals before the standard."""
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
_TIMES = ("timestamp", "eye_timestamp", "gaze_timestamp", "time")
_EYES = ("", "eye1_", "eye2_", "left_", "right_", "gaze_")
_MISSING = "n/a"
_ENDINGS = (".tsv.gz", ".tsv")


@dataclass(frozen=True)
class _Eye:
    """One file of samples. `time`: seconds of the tracker's clock; `scale`: seconds of a unit of
    its times."""

    time: Floats
    x: Floats
    y: Floats
    scale: float
    facts: Mapping[str, Any]


def bids_files(place: Path) -> list[Path]:
    """Files of samples in a folder and below, or the file itself; none where there are none."""
    if place.is_file():
        return [place] if _suffix(place) in SUFFIXES else []
    found = (path for ending in _ENDINGS for path in place.rglob(f"sub-*{ending}"))
    return sorted(path for path in found if _suffix(path) in SUFFIXES and _is_gaze(path))


def read_bids(files: Sequence[Path]) -> Export:
    """The recordings of files of samples; files of one recording are its eyes. A file that cannot
    be used leaves its recording out. Raises `TableDamaged` where none can be used."""
    recordings: list[Recording] = []
    left_out: list[LeftOut] = []
    columns: dict[str, str] = {}
    notes: list[str] = []
    rows = 0
    problem: TableDamaged | None = None
    for key in dict.fromkeys(map(_recording_of, files)):
        eyes = [path for path in files if _recording_of(path) == key]
        reader, name = _entities(eyes[0]).get("sub", ""), key[1]
        reader = f"sub-{reader}"
        try:
            read = [_eye(path, columns) for path in eyes]
            recording = _recording(reader, name, eyes, read, notes)
        except TableDamaged as error:
            problem = problem or error
            left_out.append(LeftOut(reader, name, "", error.message.rstrip(".")))
            continue
        rows += sum(len(eye.time) for eye in read)
        recordings.append(recording)
    if not recordings and problem is not None:
        raise problem
    return Export(
        FORMAT, tuple(recordings), tuple(columns.items()), rows, tuple(left_out), tuple(notes)
    )


def _recording(
    reader: str, name: str, files: Sequence[Path], eyes: Sequence[_Eye], notes: list[str]
) -> Recording:
    first = eyes[0]
    x, y = first.x, first.y
    if len(eyes) > 1:
        others = [one for one in eyes[1:] if np.array_equal(one.time, first.time)]
        if len(others) < len(eyes) - 1:
            notes.append(f"{name}: the eyes have other times; only the first one is used.")
        x, y = (_mean([getattr(one, axis) for one in (first, *others)]) for axis in "xy")
    if (np.diff(first.time) <= 0).any():
        raise TableDamaged(
            f"{display_name(files[0].name)}: the clock goes back.", "Check the conversion to BIDS."
        )
    height = _height_from_bottom(_events_facts(files[0]), name)
    if height is not None:
        y = height - y
        notes.append(f"{name}: y counts from the bottom of the screen; turned over.")
    samples = Samples(first.time, x, y, np.isfinite(x) & np.isfinite(y))
    rate = first.facts.get("SamplingFrequency")
    if not isinstance(rate, int | float) or not rate > 0:
        rate = 1 / usual_step(first.time)
    return Recording(
        reader,
        name,
        tuple(_shown(files[0], first)),
        samples,
        float(rate),
        _fixations(files[0], first, samples),
    )


def _eye(path: Path, columns: dict[str, str]) -> _Eye:
    facts = _facts(path)
    name = display_name(path.name)
    system = str(facts.get("SampleCoordinateSystem", "gaze-on-screen"))
    if system != "gaze-on-screen":
        raise TableDamaged(f"{name}: gaze is {system}, not gaze-on-screen.", "It cannot be placed.")
    listed = [str(one) for one in facts.get("Columns", ())]
    if not listed:
        raise TableDamaged(f"{name}: no JSON file beside or above it has Columns.", "Add one.")
    time = _asked(name, listed, _TIMES)
    pairs = [(f"{eye}x_coordinate", f"{eye}y_coordinate") for eye in _EYES]
    pairs = [pair for pair in pairs if {*pair} <= {*listed}]
    if not pairs:
        missing = "y_coordinate" if "x_coordinate" in listed else "x_coordinate"
        raise _missing(name, missing, listed)
    file = read_text_file(path, header=False, separator="\t")
    if len(file.first_line) != len(listed):
        raise TableDamaged(
            f"{name} has {len(file.first_line)} columns, and its JSON file names {len(listed)}: "
            f"{', '.join(listed)}.",
            "Check the field Columns.",
        )
    wanted = {one: listed.index(one) for one in (time, *(one for pair in pairs for one in pair))}
    numbers, _ = file.read(wanted.values())
    columns |= {one: one for one in wanted}
    scale = _SECONDS.get(_unit(facts, time) or "s")
    if scale is None:
        raise TableDamaged(
            f"{name}: unknown unit {_unit(facts, time)!r} of {time}.", "Use s or ms."
        )
    x = _mean([numbers[wanted[pair[0]]] for pair in pairs])
    y = _mean([numbers[wanted[pair[1]]] for pair in pairs])
    for column in pairs[0]:
        _check_unit(name, column, _unit(facts, column))
    return _Eye(numbers[wanted[time]] * scale, x, y, scale, facts)


def _check_unit(name: str, column: str, unit: str) -> None:
    if unit not in ("", "pixel", "pixels", "px"):
        raise TableDamaged(
            f"{name}: {column} is in {unit}, not in pixels.", "Convert it to pixels of the screen."
        )


def _unit(facts: Mapping[str, Any], column: str) -> str:
    told = facts.get(column)
    return str(told.get("Units", "")) if isinstance(told, dict) else ""


def _asked(file: str, listed: Sequence[str], names: Sequence[str]) -> str:
    for name in names:
        if name in listed:
            return name
    raise _missing(file, names[0], listed)


def _missing(file: str, column: str, listed: Sequence[str]) -> TableDamaged:
    return TableDamaged(
        f"{file} has no column {column}.", f"It has these columns: {', '.join(listed)}."
    )


def _shown(path: Path, eye: _Eye) -> Iterator[Shown]:
    """Media by the column `stim_file` of the events, without a placement: BIDS has none."""
    events = _sibling(path, "events")
    if events is None:
        return
    file = read_text_file(events, separator="\t")
    places = {name.strip(): place for place, name in enumerate(file.first_line)}
    if not {"onset", "duration", "stim_file"} <= {*places}:
        return
    numbers, texts = file.read([places["onset"], places["duration"]], [places["stim_file"]])
    media: Coded = texts[places["stim_file"]]
    onsets = _moments(numbers[places["onset"]], eye, _facts(events))
    for onset, duration, code in zip(onsets, numbers[places["duration"]], media.codes, strict=True):
        named = code >= 0 and media.names[code] != _MISSING
        if named and np.isfinite(onset) and np.isfinite(duration):
            yield Shown(media.names[code], float(onset), float(onset + duration), None)


def _fixations(path: Path, eye: _Eye, samples: Samples) -> Fixations | None:
    """The tracker's fixations, which have no place of their own: their samples' mean is it."""
    events = _sibling(path, "physioevents")
    if events is None:
        return None
    try:
        file = read_text_file(events, header=False, separator="\t")
    except TableDamaged:
        return None
    facts = _facts(events)
    listed = [str(one) for one in facts.get("Columns", ())]
    if not {"onset", "duration", "trial_type"} <= {*listed}:
        return None
    places = [listed.index(one) for one in ("onset", "duration", "trial_type")]
    numbers, texts = file.read(places[:2], places[2:])
    kinds = texts[places[2]]
    wanted = [code for code, kind in enumerate(kinds.names) if kind.casefold() == "fixation"]
    chosen = np.isin(kinds.codes, wanted)
    onset, duration = numbers[places[0]][chosen], numbers[places[1]][chosen]
    start = _moments(onset, eye, facts)
    if _in_units(onset, eye, facts):
        duration = duration * eye.scale
    x, y = np.full(len(start), np.nan), np.full(len(start), np.nan)
    for number, (at, length) in enumerate(zip(start, duration, strict=True)):
        inside = (samples.time >= at) & (samples.time <= at + length) & samples.valid
        if inside.any():
            x[number], y[number] = samples.x[inside].mean(), samples.y[inside].mean()
    sound = np.isfinite(x) & np.isfinite(duration)
    order = np.argsort(start[sound], kind="stable")
    return Fixations(*(one[sound][order] for one in (start, duration, x, y)))


def _moments(onsets: Floats, eye: _Eye, facts: Mapping[str, Any]) -> Floats:
    """Onsets in the time of the samples. With the source `timestamp` they are on the tracker's
    clock, in its unit or in seconds. Else they count from the first sample."""
    if str(facts.get("OnsetSource", "")) != "timestamp":
        started = eye.facts.get("StartTime")
        moved: Floats = onsets + eye.time[0]
        return moved - started if isinstance(started, int | float) else moved
    scaled: Floats = onsets * (eye.scale if _in_units(onsets, eye, facts) else 1.0)
    return scaled


def _in_units(onsets: Floats, eye: _Eye, facts: Mapping[str, Any]) -> bool:
    """Whether onsets are in the unit of the tracker's clock: if they fall into its times so."""
    first = onsets[np.isfinite(onsets)][:1]
    if str(facts.get("OnsetSource", "")) != "timestamp" or not len(first):
        return False
    return bool(eye.time[0] <= first[0] * eye.scale <= eye.time[-1])


def _mean(columns: Sequence[Floats]) -> Floats:
    there = np.isfinite(columns)
    total = np.where(there, columns, 0.0).sum(axis=0)
    mean: Floats = np.where(there.any(axis=0), total / np.maximum(there.sum(axis=0), 1), np.nan)
    return mean


def _height_from_bottom(facts: Mapping[str, Any], name: str) -> float | None:
    """The height of a screen whose y counts from its bottom; None where it counts from its top."""
    told = facts.get("StimulusPresentation")
    if not isinstance(told, dict):
        return None
    origin, size = told.get("ScreenOrigin"), told.get("ScreenResolution")
    if not isinstance(origin, list) or "bottom" not in origin:
        return None
    if isinstance(size, list) and len(size) == 2 and isinstance(size[1], int | float):
        return float(size[1])
    raise TableDamaged(
        f"{name}: y counts from the bottom of the screen, and ScreenResolution does not say its "
        "height.",
        "Add ScreenResolution, such as [1920, 1080], to the JSON file of the events.",
    )


def _events_facts(path: Path) -> Mapping[str, Any]:
    events = _sibling(path, "events")
    return {} if events is None else _facts(events)


def _sibling(path: Path, suffix: str) -> Path | None:
    """The file of the same recording with another suffix: of the same eye, else of all."""
    entities = _entities(path)
    for left_out in ((), ("recording",)):
        parts = [f"{key}-{value}" for key, value in entities.items() if key not in left_out]
        for ending in _ENDINGS:
            beside = path.with_name("_".join([*parts, suffix]) + ending)
            if beside.is_file():
                return beside
    return None


def _facts(path: Path) -> dict[str, Any]:
    """What JSON files say of a file: those above it first, the nearest and most specific last."""
    entities = {*_entities(path).items()}
    folders = [path.parent]
    while (
        folders[-1] != folders[-1].parent
        and not (folders[-1] / "dataset_description.json").is_file()
    ):
        folders.append(folders[-1].parent)
        if len(folders) > 5:
            break
    facts: dict[str, Any] = {}
    for folder in reversed(folders):
        found = [
            one
            for one in folder.glob(f"*{_suffix(path)}.json")
            if _suffix(one) == _suffix(path) and {*_entities(one).items()} <= entities
        ]
        for one in sorted(found, key=lambda one: len(_entities(one))):
            try:
                told = json.loads(one.read_text(encoding="utf-8-sig"))
            except (OSError, ValueError) as error:
                raise TableDamaged(
                    f"{display_name(one.name)} is not JSON.", "Check the file."
                ) from error
            facts |= told if isinstance(told, dict) else {}
    return facts


def _is_gaze(path: Path) -> bool:
    if _suffix(path) != "physio":
        return True
    try:
        facts = _facts(path)
    except TableDamaged:
        return True
    return facts.get("PhysioType") == "eyetrack" or "x_coordinate" in facts.get("Columns", ())


def _recording_of(path: Path) -> tuple[Path, str]:
    """The folder, and the name without the eye."""
    entities = _entities(path)
    return path.parent, "_".join(
        f"{key}-{value}" for key, value in entities.items() if key not in ("recording",)
    )


def _entities(path: Path) -> dict[str, str]:
    parts = path.name.split(".", 1)[0].split("_")[:-1]
    pairs = (part.partition("-") for part in parts)
    return {key: value for key, _, value in pairs}


def _suffix(path: Path) -> str:
    return path.name.split(".", 1)[0].rpartition("_")[2]
