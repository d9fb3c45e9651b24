"""Eye tracking: seconds to read two hours of 120 Hz, and fixations found in simulated samples.

python -m benchmarks.gaze

Exports are written by the tests' simulated readers; the truth is what they were planned to look at.
A found fixation is right where it and a planned one have at least half of the time that both take
in common.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from benchmarks.table import keep, seconds
from gestalt_space.gaze.fixations import UNSMOOTHED, FixationPlan, find_fixations
from gestalt_space.gaze.importing.opening import read_exports
from gestalt_space.gaze.types import Recording
from tests.gaze.recorded import PER_DEGREE, PLACEMENT, f1, plan_fixations, samples_of

HOURS, RATE, SEED, REPEATS = 2.0, 120.0, 7, 3
TRUTH_SECONDS = 1200.0
SQUARES = {"20° square, saccades ≥ 2.5°": (800.0, 2.5), "8° square, saccades ≥ 1°": (320.0, 1.0)}
"""Side in pixels, and shortest saccade: a photo that fills the screen, and a face of 8 degrees."""
NOISES = (0.0, 0.3, 0.6, 1.0, 1.5)
PLANS = {
    "I-DT (default)": FixationPlan(),
    "I-VT": FixationPlan(method="velocity", pixels_per_degree=PER_DEGREE),
    "segments": FixationPlan(method="segments"),
    "I-DT as published": UNSMOOTHED,
    "I-VT, slope over 25 ms, not joined": FixationPlan(
        method="velocity",
        pixels_per_degree=PER_DEGREE,
        smoothing=0.0,
        slope=0.025,
        merge_distance=0.0,
    ),
}


def main() -> None:
    rows = [*_speed(), *_truth()]
    keep("gaze", f"python -m benchmarks.gaze  # seed {SEED}", ("what", "result", "asked"), rows)


def _speed() -> list[tuple[str, str, str]]:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, decimal in (("decimal points", "."), ("decimal commas", ",")):
            path = _two_hours(Path(folder), decimal)
            recordings: list[Recording] = []
            taken = seconds(lambda: recordings.append(read_exports([path]).recordings[0]), REPEATS)  # noqa: B023
            samples = recordings[-1].samples
            assert samples is not None
            size = path.stat().st_size / 2**20
            text = f"{len(samples.time):,} rows, {size:.0f} MiB, 20 columns, {name}"
            rows.append(
                (f"read a Tobii export: {text}", f"{np.median(taken):.1f} s", "at most 5 s")
            )
        for plan in ("I-DT (default)", "I-VT", "segments"):
            taken = seconds(lambda: find_fixations(samples, RATE, PLANS[plan]), REPEATS)  # noqa: B023
            rows.append((f"find fixations in it, {plan}", f"{np.median(taken):.1f} s", ""))
    return rows


def _two_hours(folder: Path, decimal: str) -> Path:
    """An export of one reader who sees 40 faces again and again, in Pro Lab's columns."""
    rng = np.random.default_rng(SEED)
    plan = plan_fixations(rng, HOURS * 3600)
    samples = samples_of(plan, rng, noise=0.3, rate=RATE)
    count = len(samples.time)
    begins = np.array([one.start for one in plan])
    number = np.searchsorted(begins, samples.time, side="right") - 1
    ends = np.array([one.end for one in plan])
    fixed = samples.time < ends[number]
    text = [
        [f"{value:.2f}".replace(".", decimal) for value in one] for one in (samples.x, samples.y)
    ]
    placement = "\t".join(f"{one:g}" for one in (800, 800, PLACEMENT.left, PLACEMENT.top, 400, 400))
    header = (
        "Recording timestamp [μs]\tSensor\tParticipant name\tRecording name\tGaze point X\t"
        "Gaze point Y\tValidity left\tValidity right\tPresented Media name\tPresented Media width\t"
        "Presented Media height\tPresented Media position X (DACSpx)\t"
        "Presented Media position Y (DACSpx)\tOriginal Media width\tOriginal Media height\t"
        "Eye movement type\tGaze event duration\tEye movement type index\tFixation point X\t"
        "Fixation point Y"
    )
    path = folder / "export.tsv"
    with path.open("w", encoding="utf-8") as file:
        file.write(header + "\n")
        for place in range(count):
            x, y = text[0][place], text[1][place]
            kind = "Fixation\t250" if fixed[place] else "Saccade\t30"
            point = f"{x}\t{y}" if fixed[place] else "\t"
            medium = f"face-{int(samples.time[place] // 10) % 40:02}.png"
            head = f"{round(samples.time[place] * 1e6)}\tEye Tracker\tR1\tRecording1"
            shown = f"Valid\tValid\t{medium}\t{placement}"
            file.write(f"{head}\t{x}\t{y}\t{shown}\t{kind}\t{number[place] + 1}\t{point}\n")
    return path


def _truth() -> list[tuple[str, str, str]]:
    rows = []
    for where, (side, least) in SQUARES.items():
        rng = np.random.default_rng(SEED)
        plan = plan_fixations(rng, TRUTH_SECONDS, side=side, least=least)
        for noise in NOISES:
            samples = samples_of(plan, rng, noise=noise, rate=RATE)
            for name, method in PLANS.items():
                found = f1(find_fixations(samples, RATE, method), plan)
                asked = "at least 0.95" if noise == 1.0 else ""
                text = f"F1 of {len(plan):,} fixations, {where}, {noise:g}° noise, {name}"
                rows.append((text, f"{found:.3f}", asked))
    return rows


if __name__ == "__main__":
    main()
