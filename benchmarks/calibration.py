"""Calibration of a large gallery, and what its verdicts and lower bounds do for new patients.

python -m benchmarks.calibration [--galleries 1000] [--planted 200] [--only bounds]

Planted descriptors (`gestalt_space.simulate.planted`), drawn anew for every gallery with disorders,
patients and photos, in designs of equal and of very unequal disorders. The true ratio where there
is a signal is counted in all galleries of a design together, for each number of references.
"""

from __future__ import annotations

import argparse
import tracemalloc
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.table import keep, seconds
from gestalt_space.gallery.calibration.fitting import fit_calibration, fit_curve
from gestalt_space.gallery.calibration.references import ReferenceSimilarities, draw_sides
from gestalt_space.gallery.calibration.rows import ArrayRows
from gestalt_space.ranking.calibration import Calibration, SizeCurve, verdict_of
from gestalt_space.ranking.grouping import Grouping, grouping
from gestalt_space.simulate.planted import PlantedPlan, plant
from gestalt_space.types import Descriptors
from tests.made import unit

SEED = 23
DIM = 512
SMALL_DIM = 64
NEW = 2_000
LIKENESS = 0.6
"""How much of a face is its disorder's, beside 1 of the person's own, where verdicts are tried."""
SIGNAL = 1.0
"""The same, where bounds are."""
AT = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005)
"""Shares of patients without the disorder, at whose similarities bounds are looked up where there
is no signal."""
OWN = (0.1, 0.25, 0.5, 0.75, 0.9, 0.97)
"""Shares of patients with the disorder who are less similar, where there is one."""
SUPPORTING = 2.08
SLOTS = np.linspace(-1, 1, 2001)


def tail_like(disorders: int, most: int) -> tuple[int, ...]:
    """Patients of each disorder, 2 and more, Pareto distributed, as in GMDB."""
    places = (np.arange(disorders) + 0.5) / disorders
    return tuple(int(min(most, round(2 * place ** (-1 / 0.9)))) for place in places)


DESIGNS = {
    "30 × 10": (10,) * 30,
    "1 × 150 + 75 × 2": (150,) + (2,) * 75,
    "3 × 60 + 5 × 20 + 60 × 2": (60,) * 3 + (20,) * 5 + (2,) * 60,
    "GMDB-like, 120 of 2–60": tail_like(120, 60),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--galleries", type=int, default=1000)
    parser.add_argument("--planted", type=int, default=200)
    parser.add_argument("--only", choices=("speed", "bounds"))
    given = parser.parse_args()
    asked = f"--galleries {given.galleries} --planted {given.planted}"
    command = f"python -m benchmarks.calibration {asked}  # seed {SEED}"
    if given.only != "bounds":
        rows = [*_speed(), *_verdicts()]
        keep("calibration", command, ("what", "found", "asked or by construction"), rows)
    if given.only != "speed":
        header = ("design", "what is planted", "galleries", "references", "bound above the truth")
        rows = list(_bounds(given.galleries, given.planted))
        keep("likelihood-ratio", command, (*header, "median bound there", "truth there"), rows)


def _bounds(galleries: int, planted: int) -> Iterator[tuple[object, ...]]:
    for name, sizes in DESIGNS.items():
        plain = PlantedPlan(sizes=sizes, disorder=0.0)
        yield from _rows(name, "nothing", plain, galleries)
        yield from _rows(name, "disorders", replace(plain, disorder=SIGNAL), planted)
    for name in list(DESIGNS)[2:]:
        plain = PlantedPlan(sizes=DESIGNS[name], disorder=0.0)
        kin = replace(plain, families=0.6, kinship=0.8)
        yield from _rows(name, "families, known", kin, planted)
        yield from _rows(name, "families, not known", kin, planted, families=False)
        yield from _rows(name, "three photos a patient", replace(plain, photos=3.0), planted)
        yield from _rows(
            name,
            "sites that follow the disorder",
            replace(plain, sites=4, site=1.0, sites_follow_disorder=1.0),
            planted,
        )
        yield from _rows(
            name,
            "disorders, one diagnosis in ten wrong",
            replace(plain, disorder=SIGNAL, wrong=0.1),
            planted,
        )


@dataclass
class _Counted:
    """Of one number of references: the curves of galleries that have one, and all their
    similarities, counted."""

    curves: list[SizeCurve] = field(default_factory=list)
    same: NDArray[np.float64] = field(default_factory=lambda: np.zeros(len(SLOTS) - 1))
    other: NDArray[np.float64] = field(default_factory=lambda: np.zeros(len(SLOTS) - 1))

    def add(self, sides: ReferenceSimilarities) -> None:
        for into, one in ((self.same, sides.same), (self.other, sides.other)):
            counted = np.histogram(one.values, SLOTS, weights=one.weights)[0]
            into += counted / one.weights.sum()
        self.curves.append(fit_curve(sides))

    def truth(self) -> NDArray[np.float64]:
        """The ratio in each slot, from all galleries; it never falls."""
        from sklearn.isotonic import IsotonicRegression

        mass = self.same + self.other
        kept = np.flatnonzero(mass > 0)
        part = IsotonicRegression(y_max=1 - 1e-6, out_of_bounds="clip").fit(
            kept, self.same[kept] / mass[kept], sample_weight=mass[kept]
        )
        share = part.predict(np.arange(len(mass)))
        return np.asarray(share / (1 - share))

    def places(self, *, signal: bool) -> NDArray[np.int64]:
        """The slots at which the shares `OWN`, or `AT`, are reached."""
        counted, below = (self.same, np.array(OWN)) if signal else (self.other, 1 - np.array(AT))
        return np.searchsorted(np.cumsum(counted) / counted.sum(), below)


def _rows(
    name: str, what: str, plan: PlantedPlan, galleries: int, *, families: bool = True
) -> Iterator[tuple[object, ...]]:
    by_size: dict[int, _Counted] = defaultdict(_Counted)
    for number in range(galleries):
        faces, groups = planted_gallery(plan, SEED * 10_000 + number, families=families)
        for sides in draw_sides(ArrayRows(faces), groups, number):
            by_size[sides.size].add(sides)
    for size, found in sorted(by_size.items()):
        fitted = [curve for curve in found.curves if len(curve.ratio)]
        if len(fitted) < len(found.curves) / 2:
            continue
        places = found.places(signal=plan.disorder > 0)
        truth = found.truth()[places] if plan.disorder else np.ones(len(places))
        similar = SLOTS[places] + np.diff(SLOTS)[0] / 2
        lower = np.array(
            [one.lower[np.searchsorted(one.edges, similar, side="right")] for one in fitted]
        )
        over = 100 * (lower > truth).mean(axis=0)
        top = np.array([curve.lower[-1] for curve in fitted])
        told = ", ".join(f"{share:.1f}" for share in over) + " %"
        if not plan.disorder:
            told += f"; anywhere {100 * (top > 1).mean():.1f} %"
            told += f"; supporting {100 * (top >= SUPPORTING).mean():.1f} %"
        median = " / ".join(f"{np.median(top):.2g}" for top in lower.T)
        yield name, what, len(fitted), size, told, median, " / ".join(f"{t:.3g}" for t in truth)


def planted_gallery(
    plan: PlantedPlan, seed: int, *, families: bool = True
) -> tuple[Descriptors, Grouping]:
    """A planted cohort as a gallery, grouped by disorder; with `families` as they are known."""
    selection = plant(plan, seed)
    told = np.repeat(np.arange(len(plan.sizes)), plan.sizes)
    pairs = np.stack([np.arange(len(told)), told], axis=1)
    found = grouping(
        np.arange(len(selection)),
        selection.patient_of_row,
        pairs,
        families=selection.families if families else None,
    )
    return selection.descriptors, found


def _speed() -> list[tuple[str, str, str]]:
    rng = np.random.default_rng(SEED)
    rows = []
    for photos, patients, disorders, asked in (
        (400, 250, 20, "well under 1 s"),
        (20_000, 13_000, 2_000, "under 60 s"),
    ):
        gallery = _gallery(rng, patients, unit(rng, disorders, DIM), 0.8, photos=photos)
        name = f"fit, {photos:,} photos × {DIM}"
        taken = seconds(lambda gallery=gallery: fit_calibration(*gallery))[0]
        rows.append((name, f"{taken:.2f} s", asked))
        held = gallery[0].nbytes / 1e6
        rows.append(
            (
                f"{name}: most memory beside the descriptors' {held:.0f} MB",
                _most(gallery),
                "bounded",
            )
        )
    return rows


def _verdicts() -> list[tuple[str, str, str]]:
    """Verdicts for new patients, whose disorder is in the gallery or not."""
    rows = []
    for patients, disorders in ((600, 200), (600, 30), (600, 3), (60, 10)):
        rng = np.random.default_rng([SEED, patients, disorders])
        told: dict[str, list[NDArray[np.float64]]] = {"absent": [], "present": []}
        for _ in range(5):
            centres = unit(rng, 2 * disorders, SMALL_DIM)
            here, elsewhere = centres[:disorders], centres[disorders:]
            faces, groups = _gallery(rng, patients, here, LIKENESS)
            found = fit_calibration(faces, groups)
            for who, of in (("absent", elsewhere), ("present", here)):
                probes, _ = _gallery(rng, NEW, of, LIKENESS)
                told[who].append(_shares(found, (probes @ faces.T).max(axis=1)))
        for who, asked in (("absent", "80 / 15 / 5 %"), ("present", "")):
            shares = " / ".join(f"{100 * share:.0f}" for share in np.mean(told[who], axis=0))
            name = f"{patients} patients of {disorders} disorders, a new one's disorder {who}"
            rows.append((f"{name}: no close / weak / close match", f"{shares} %", asked))
    return rows


def _shares(found: Calibration, best: NDArray[np.float32]) -> NDArray[np.float64]:
    percentiles = [found.best_percentile(float(value)) for value in best]
    verdicts = [verdict_of(one) for one in percentiles if one is not None]
    names = ("no close match", "weak match", "close match")
    return np.array([verdicts.count(name) / len(verdicts) for name in names])


def _gallery(
    rng: np.random.Generator,
    patients: int,
    centres: Descriptors,
    strength: float,
    *,
    photos: int | None = None,
) -> tuple[Descriptors, Grouping]:
    """Patients of disorders drawn from `centres` `(g, d)`, each with a photo or more."""
    disorder = rng.integers(0, len(centres), patients)
    more = rng.integers(0, patients, (photos or patients) - patients)
    owner = np.concatenate([np.arange(patients), more])
    person = unit(rng, patients, centres.shape[1])
    faces = strength * centres[disorder][owner] + person[owner]
    faces += 0.3 * unit(rng, len(owner), centres.shape[1])
    faces /= np.linalg.norm(faces, axis=1, keepdims=True)
    pairs = np.stack([np.arange(patients), disorder], axis=1)
    return faces.astype(np.float32), grouping(np.arange(len(owner)), owner, pairs)


def _most(gallery: tuple[Descriptors, Grouping]) -> str:
    """The most memory in arrays during a fit, as NumPy tells it to tracemalloc."""
    tracemalloc.start()
    fit_calibration(*gallery)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return f"{most / 1e6:.0f} MB"


if __name__ == "__main__":
    main()
