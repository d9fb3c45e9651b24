"""What `gestalt train recognisable --by both` says where the truth is known.

python -m benchmarks.joint [--cohorts COHORTS]

Simulated descriptors as in `benchmarks.recognisable`. Everybody's terms are drawn from those of a
random disorder of HPO's annotations, the same for a family. Where terms are planted, so many of a
patient's terms are from one disorder, which all patients share.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context

import numpy as np
from scipy.stats import binomtest
from threadpoolctl import threadpool_limits

from benchmarks.recognisable import BASE, LEVEL, OTHERS, PERMUTATIONS, parted
from benchmarks.table import keep
from gestalt_space.cohort.recognisable import BY, Recognisable, RecognisablePlan, recognisable
from gestalt_space.cohort.selection import Selection
from gestalt_space.phenotype.patients import described
from gestalt_space.phenotype.release import Release, open_release
from gestalt_space.simulate.planted import plant

PATIENTS = 12
FEWER = 5
"""One in so many cohorts where something is planted."""
PLANTED = 20_000
"""Apart from the seeds by which controls and permutations are drawn."""
DISORDER = "OMIM:122470"
MEAN_TERMS = 6.0


@dataclass(frozen=True)
class Case:
    """A kind of cohort: how far its patients' faces lie from others, which share of their terms is
    the disorder's, and how many times as many terms they have."""

    name: str
    face: float = 0.0
    terms: float = 0.0
    more: float = 1.0

    @property
    def is_null(self) -> bool:
        """Whether nothing differs."""
        return not (self.face or self.terms) and self.more == 1.0


CASES = (
    Case("nothing differs"),
    Case("face 0.5", face=0.5),
    Case("all terms", terms=1.0),
    Case("face 0.5 and all terms", face=0.5, terms=1.0),
    Case("face 0.3 and 70 % of the terms", face=0.3, terms=0.7),
    Case("twice as many terms", more=2.0),
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cohorts", type=int, default=300)
    cohorts = parser.parse_args().cohorts
    rows: list[list[object]] = []
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for case in CASES:
            number = cohorts if case.is_null else max(1, cohorts // FEWER)
            rows.append(row(case, list(pool.map(asked, [case] * number, range(number)))))
            print(rows[-1], flush=True)
    header = (
        *("what differs", "n"),
        *(f"p ≤ {LEVEL} by {by}, % (95 % interval)" for by in BY),
        *("mean AUROC by face, terms, both", "warned of the number of terms, %"),
        "cohorts with a term of q ≤ 0.05, %",
    )
    keep("joint", f"python -m benchmarks.joint --cohorts {cohorts}", header, rows)


def asked(case: Case, seed: int) -> Recognisable:
    """One cohort of a kind."""
    release = open_release()
    plan = replace(BASE, sizes=(PATIENTS, OTHERS), disorder=case.face)
    with threadpool_limits(1):
        cohort, gallery = parted(plant(plan, PLANTED + seed))
        terms = dict(drawn_terms(release, case, gallery, set(cohort.patients), seed))
        return recognisable(
            cohort,
            gallery,
            RecognisablePlan(match=("site",), permutations=PERMUTATIONS, seed=seed, by="both"),
            described=described(release, terms),
        )


def drawn_terms(
    release: Release, case: Case, gallery: Selection, patients: set[str], seed: int
) -> Iterator[tuple[str, list[str]]]:
    """The terms of everybody, one or more."""
    rng = np.random.default_rng([PLANTED, seed])
    own = release.profiles.own
    rich = np.flatnonzero(release.is_omim & (np.diff(own.starts)[: len(release.is_omim)] >= 10))
    sources = rng.choice(rich, int(gallery.families.max()) + 1)
    planted = own[release.annotations.disorders.index(DISORDER)]
    for patient, family in zip(gallery.patients, gallery.families.tolist(), strict=True):
        is_patient = patient in patients
        count = 1 + rng.poisson(MEAN_TERMS * (case.more if is_patient else 1.0) - 1)
        there = own[int(sources[family])]
        share = case.terms if is_patient else 0.0
        terms = {int(rng.choice(planted if rng.random() < share else there)) for _ in range(count)}
        yield patient, [release.ontology.id_of(term) for term in sorted(terms)]


def row(case: Case, found: list[Recognisable]) -> list[object]:
    told = [(*one.alone, one) for one in found]
    p = np.array([[one.p for one in of] for of in told])
    areas = np.mean([[one.auroc.value for one in of] for of in told], axis=0)
    groups = [one.terms for one in found if one.terms is not None]
    return [
        case.name,
        len(found),
        *(_share(p[:, part] <= LEVEL) for part in range(len(BY))),
        ", ".join(f"{area:.2f}" for area in areas),
        _percent(any("more terms" in warning for warning in of.warnings) for of in groups),
        _percent(any(one.q <= LEVEL for one in of.shares) for of in groups),
    ]


def _percent(reached: Iterable[bool]) -> str:
    return f"{100 * np.mean(list(reached)):.0f}"


def _share(reached: np.ndarray) -> str:
    low, high = binomtest(int(reached.sum()), len(reached)).proportion_ci()
    return f"{100 * reached.mean():.0f} ({100 * low:.0f}–{100 * high:.0f})"


if __name__ == "__main__":
    main()
