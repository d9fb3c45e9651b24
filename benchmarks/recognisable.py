"""What `gestalt train recognisable` says where the truth is known, and how long it takes.

python -m benchmarks.recognisable [--cohorts COHORTS]

Simulated descriptors of patients who have a disorder, and of other patients. Disorder, sex, age,
site, family, person (length 1) and photo (0.7) give a part each. Without the part of a disorder,
p-values must be uniform, also if patients come from other sites than controls, share families, or
have more photos.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context

import numpy as np
from scipy.stats import binomtest, kstest
from threadpoolctl import threadpool_limits

from benchmarks.table import keep
from gestalt_space.cohort.recognisable import Recognisable, RecognisablePlan, recognisable
from gestalt_space.cohort.selection import Selection
from gestalt_space.devices import cores
from gestalt_space.simulate.planted import PlantedPlan, plant

PERMUTATIONS = 99
LEVEL = 0.05
FEWER = 4
"""One in so many cohorts where p need not be uniform."""
OTHERS = 70
PLANTED = 10_000
"""Apart from the seeds by which controls and permutations are drawn."""
BASE = PlantedPlan(
    (0, OTHERS),
    disorder=0.0,
    sex=0.7,
    age=0.5,
    sites=3,
    site=0.7,
    sites_follow_disorder=0.5,
    families=0.3,
)
"""Patients of whom most come from a site of their own, a third in families of two."""


@dataclass(frozen=True)
class Case:
    """A kind of cohort, and how it is asked about."""

    name: str
    patients: int
    controls: int = 1
    matched: bool = True
    disorder: float = 0.0
    photos: bool = False

    @property
    def is_null(self) -> bool:
        """Whether p must be uniform."""
        return self.matched and not self.disorder


ALL_NULLS = Case("no difference; all of the above that are matched", 0)
CASES = (
    Case("no difference; matched on site", 10),
    Case("no difference; matched on site", 20),
    Case("no difference; matched on site", 9, controls=2),
    Case("no difference; patients have 4 photos more; matched on site", 20, photos=True),
    Case("no difference, but not matched on site", 20, matched=False),
    Case("disorder 0.25; matched on site", 10, disorder=0.25),
    Case("disorder 0.25; matched on site", 20, disorder=0.25),
    Case("disorder 0.5; matched on site", 10, disorder=0.5),
    Case("disorder 0.5; matched on site", 20, disorder=0.5),
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cohorts", type=int, default=100)
    cohorts = parser.parse_args().cohorts
    rows: list[list[object]] = []
    nulls: list[Recognisable] = []
    with ProcessPoolExecutor(cores(), mp_context=get_context("spawn")) as pool:
        for case in CASES:
            number = cohorts if case.is_null else max(1, cohorts // FEWER)
            found = list(pool.map(asked, [case] * number, range(number)))
            rows.append(row(case, found))
            nulls += found if case.is_null else []
            print(rows[-1], flush=True)
    rows += [row(ALL_NULLS, nulls), timed()]
    command = f"python -m benchmarks.recognisable --cohorts {cohorts}"
    header = (
        *("cohorts", "patients", "controls each", "compared families", "n"),
        *(f"p ≤ {LEVEL}, % (95 % interval)", "uniform: p (KS)", "mean AUROC", "0.5 in interval, %"),
    )
    keep("recognisable", command, header, rows)


def asked(case: Case, seed: int) -> Recognisable:
    """One cohort of a kind."""
    plan = replace(
        BASE,
        sizes=(case.patients, OTHERS),
        disorder=case.disorder,
        photos=5.0 if case.photos else 1.0,
    )
    asks = RecognisablePlan(
        match=("site",) if case.matched else (),
        controls=case.controls,
        permutations=PERMUTATIONS,
        seed=seed,
    )
    with threadpool_limits(1):
        cohort, gallery = parted(plant(plan, PLANTED + seed))
        if case.photos:
            gallery = with_first_photos(gallery, set(cohort.patients))
        return recognisable(cohort, gallery, asks)


def parted(gallery: Selection) -> tuple[Selection, Selection]:
    """The patients of the first disorder, and everybody."""
    disorder = min(has[0] for has in gallery.disorders if has)
    pairs = zip(gallery.patients, gallery.disorders, strict=True)
    return gallery.only(one for one, has in pairs if disorder in has), gallery


def with_first_photos(gallery: Selection, whole: set[str]) -> Selection:
    """Only the first photo of everybody but those of whom the `whole` set is kept."""
    first = np.zeros(len(gallery), bool)
    first[gallery.row_starts] = True
    kept = first | np.isin(np.array(gallery.patients)[gallery.patient_of_row], sorted(whole))
    return replace(
        gallery,
        descriptors=gallery.descriptors[kept],
        photos=gallery.photos[kept],
        ages=gallery.ages[kept],
        sites=gallery.sites[kept],
        patient_of_row=gallery.patient_of_row[kept],
    )


def row(case: Case, found: list[Recognisable]) -> list[object]:
    p = np.array([one.p for one in found])
    low, high = binomtest(int(np.sum(p <= LEVEL)), len(p)).proportion_ci()
    inside = np.mean([one.auroc.low <= 0.5 <= one.auroc.high for one in found])
    return [
        case.name,
        case.patients or "",
        case.controls if case.patients else "",
        f"{np.mean([one.patients.units for one in found]):.1f}",
        len(found),
        f"{100 * np.mean(p <= LEVEL):.0f} ({100 * low:.0f}–{100 * high:.0f})",
        f"{kstest(p, 'uniform').pvalue:.2f}" if case.is_null else "",
        f"{np.mean([one.auroc.value for one in found]):.2f}",
        f"{100 * inside:.0f}" if case.is_null else "",
    ]


def timed() -> list[object]:
    """20 patients and 20 controls with 1,000 permutations, in seconds of one core."""
    plan = PlantedPlan((20, OTHERS), dim=512, disorder=1.0)
    with threadpool_limits(1):
        cohort, gallery = parted(plant(plan, 0))
        start = time.process_time()
        recognisable(cohort, gallery, RecognisablePlan(match=()))
        taken = time.process_time() - start
    return [
        f"time with 1,000 permutations: {taken:.0f} s of one core",
        20,
        1,
        20,
        1,
        "",
        "",
        "",
        "",
    ]


if __name__ == "__main__":
    main()
