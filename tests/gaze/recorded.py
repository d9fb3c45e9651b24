"""Recordings of readers who do not exist: what they looked at is planned, and exported as trackers
do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gestalt_space.gaze.placement import to_screen
from gestalt_space.gaze.types import Fixations, Placement, Samples

PER_DEGREE = 40.0
"""Pixels of the screen per degree: a 24-inch screen of 1920 × 1080 pixels from 65 cm."""
PLACEMENT = Placement(560, 140, 800, 800, 400, 400)


@dataclass(frozen=True)
class Planned:
    """A fixation that was meant, on the screen."""

    start: float
    end: float
    x: float
    y: float


def plan_fixations(
    rng: np.random.Generator,
    seconds: float,
    *,
    least: float = 2.5,
    begin: float = 0.0,
    side: float = 800.0,
) -> list[Planned]:
    """Fixations on a square of `side` pixels: durations by a gamma distribution of mean 280 ms, at
    least 100 ms; saccades of at least `least` degrees that last 21 ms and 2.1 ms a degree."""
    found, time = [], begin
    x, y = rng.uniform(0, side, 2)
    while time < begin + seconds - 0.3:
        length = max(0.1, float(rng.gamma(4, 0.07)))
        end = min(time + length, begin + seconds)
        found.append(Planned(time, end, PLACEMENT.left + x, PLACEMENT.top + y))
        far = 0.0
        while not least <= far <= 15:
            to = rng.uniform(0, side, 2)
            far = float(np.hypot(*(to - (x, y)))) / PER_DEGREE
        time += length + 0.021 + 0.0021 * far
        x, y = to
    return found


def samples_of(
    plan: Sequence[Planned],
    rng: np.random.Generator,
    *,
    rate: float = 120.0,
    noise: float = 0.0,
    begin: float = 0.0,
) -> Samples:
    """Samples of planned fixations, with white noise of so many degrees on each axis."""
    time = begin + np.arange(round((plan[-1].end - begin) * rate)) / rate
    knots = np.array([at for one in plan for at in (one.start, one.end)])
    axes = []
    for axis in ("x", "y"):
        places = np.repeat([getattr(one, axis) for one in plan], 2)
        number = np.clip(np.searchsorted(knots, time, side="right") - 1, 0, len(knots) - 2)
        share = (time - knots[number]) / np.maximum(knots[number + 1] - knots[number], 1e-9)
        eased = (1 - np.cos(np.pi * np.clip(share, 0, 1))) / 2
        clean = places[number] + (places[number + 1] - places[number]) * eased
        axes.append(clean + rng.normal(0, noise * PER_DEGREE, len(time)))
    return Samples(time, axes[0], axes[1], np.ones(len(time), bool))


def f1(found: Fixations, plan: Sequence[Planned]) -> float:
    """F1 of found fixations: one is right where it and a planned one have at least half of the time
    that both take in common; each planned one is found once."""
    begins = [one.start for one in plan]
    taken: set[int] = set()
    for start, length in zip(found.start, found.duration, strict=True):
        near = int(np.searchsorted(begins, start))
        best = (0.0, -1)
        for number in range(max(0, near - 3), min(len(plan), near + 4)):
            one = plan[number]
            common = min(one.end, start + length) - max(one.start, start)
            whole = max(one.end, start + length) - min(one.start, start)
            if number not in taken:
                best = max(best, (common / whole, number))
        if best[0] >= 0.5:
            taken.add(best[1])
    return 2 * len(taken) / (len(found) + len(plan))


@dataclass
class TobiiExport:
    """Rows of an export of Tobii Pro Lab. `time_unit`: as the heading has it; `decimal`: the mark;
    `headings`: old ones by new ones; `left_out`: headings that the export lacks."""

    time_unit: str = ""
    scale: float = 1e6
    decimal: str = "."
    headings: dict[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    rows: list[dict[str, object]] = field(default_factory=list)

    def add(
        self,
        reader: str,
        medium: str,
        samples: Samples,
        plan: Sequence[Planned] = (),
        *,
        recording: str = "Recording1",
        placement: Placement = PLACEMENT,
        sensor: str = "Eye Tracker",
    ) -> None:
        """Add what a reader did with a medium."""
        fixation, at = np.full(len(samples.time), -1), None
        for number, at in enumerate(plan):
            fixation[(samples.time >= at.start - 1e-9) & (samples.time < at.end - 1e-9)] = number
        for place, time in enumerate(samples.time):
            at = plan[fixation[place]] if fixation[place] >= 0 else None
            seen = bool(samples.valid[place])
            self.rows.append(
                {
                    "Recording timestamp": round(float(time) * self.scale),
                    "Sensor": sensor,
                    "Participant name": reader,
                    "Recording name": recording,
                    "Gaze point X": samples.x[place] if seen else None,
                    "Gaze point Y": samples.y[place] if seen else None,
                    "Validity left": "Valid" if seen else "Invalid",
                    "Validity right": "Valid" if seen else "Invalid",
                    "Presented Media name": medium,
                    "Presented Media width": placement.width,
                    "Presented Media height": placement.height,
                    "Presented Media position X (DACSpx)": placement.left,
                    "Presented Media position Y (DACSpx)": placement.top,
                    "Original Media width": placement.photo_width,
                    "Original Media height": placement.photo_height,
                    "Eye movement type": "Saccade" if at is None else "Fixation",
                    "Gaze event duration": 20 if at is None else round(1000 * (at.end - at.start)),
                    "Eye movement type index": 1 if at is None else fixation[place] + 1,
                    "Fixation point X": None if at is None else at.x,
                    "Fixation point Y": None if at is None else at.y,
                }
            )

    def write(self, path: Path, encoding: str = "utf-8-sig") -> Path:
        """Write the export as TSV."""
        names = [one for one in self.rows[0] if one not in self.left_out]
        shown = {"Recording timestamp": f"Recording timestamp{self.time_unit}", **self.headings}
        lines = ["\t".join(shown.get(one, one) for one in names)]
        lines += ["\t".join(self._cell(row[one]) for one in names) for row in self.rows]
        path.write_text("\n".join(lines) + "\n", encoding=encoding)
        return path

    def _cell(self, value: object) -> str:
        if value is None:
            return ""
        if isinstance(value, float):
            return f"{value:.2f}".replace(".", self.decimal)
        return str(value)


def one_export(
    readers: Sequence[str] = ("R1", "R2"),
    media: Sequence[str] = ("face-1.png", "face-2.png"),
    *,
    seconds: float = 4.0,
    noise: float = 0.1,
    change: Callable[[TobiiExport], None] | None = None,
    **options: object,
) -> tuple[TobiiExport, dict[tuple[str, str], list[Planned]]]:
    """An export in which every reader looks at every medium, and what they meant to look at."""
    rng = np.random.default_rng(11)
    export = TobiiExport(**options)  # type: ignore[arg-type]
    plans = {}
    for reader in readers:
        begin = 1.0
        for medium in media:
            plan = plan_fixations(rng, seconds, begin=begin)
            samples = samples_of(plan, rng, noise=noise, begin=begin)
            export.add(reader, medium, samples, plan)
            plans[reader, medium] = plan
            begin += seconds + 1
    if change is not None:
        change(export)
    return export, plans


def on_screen(x: float, y: float, placement: Placement = PLACEMENT) -> NDArray[np.float64]:
    """A place of the photo on the screen."""
    across, down = to_screen(placement, np.array([x]), np.array([y]))
    return np.array([across[0], down[0]])
