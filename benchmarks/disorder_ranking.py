"""Disorders ranked from HPO terms: 9,914 published patients against all disorders of OMIM.

python -m benchmarks.disorder_ranking SHARED

The patients are those of Monarch's phenopacket-store; the candidates are all disorders of OMIM with
phenotypes in HPO's annotations. Annotations that rest on a patient's own paper are left out for
that patient: rows of that paper alone, and the paper's patients in rows that rest on others too, as
far as the store has them. A tie counts as the worst rank. A patient can be ranked if the disorder
has any annotation then; the release may be older than the disorder.

The weights of the likelihood ratios were chosen on the half of the papers whose hash is even; the
table `by method` has both halves. Baselines: best-match averages by Resnik's similarity, one-sided
and symmetric, and p values of the symmetric one as the Phenomizer has them (of the annotations with
the own paper). Gains are paired, and their intervals are by bootstrap of whole papers.
"""

from __future__ import annotations

import argparse
import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.table import keep
from gestalt_space.interop.phenopackets import read_phenopackets
from gestalt_space.phenotype.left_out import LeftOut, without_source
from gestalt_space.phenotype.likelihood import NEUTRAL, UNRELATED, Likelihoods
from gestalt_space.phenotype.ontology import Rows
from gestalt_space.phenotype.query import Query, make_query
from gestalt_space.phenotype.release import Release, open_release
from gestalt_space.phenotype.significance import Significance
from gestalt_space.phenotype.similarity import Similarities, best_matches, information_content

MISSED = 10**6
TERMS = ((1, 2), (3, 5), (6, 10), (11, 20), (21, 999))
SAMPLES, SEED = 2_000, 0
Scores = tuple[NDArray[np.float64], ...]
Method = Callable[["Patient"], Scores]


@dataclass(frozen=True)
class Patient:
    """A patient, the true disorder's place, and the annotations without the own paper."""

    query: Query
    paper: str
    disorder: int | None
    left_out: LeftOut | None

    @property
    def is_even(self) -> bool:
        """Whether the paper belongs to the half on which weights were chosen."""
        return int(hashlib.sha256(self.paper.encode()).hexdigest(), 16) % 2 == 0


def read_patients(shared: Path, release: Release) -> list[Patient]:
    """The published patients."""
    ontology, places = release.ontology, release.annotations.place_of_disorder
    told = []
    counts: dict[str, dict[tuple[int, int], tuple[int, int]]] = defaultdict(dict)
    for file in read_phenopackets(shared / "genomics" / "phenopackets.zip"):
        assert file.packet is not None, file.error
        packet = file.packet
        disorder, paper = places.get(packet.disorders[0].id), packet.references[0]
        told.append((make_query(ontology, packet.present, packet.excluded), paper, disorder))
        if disorder is None:
            continue
        for ids, has in ((packet.present, 1), (packet.excluded, 0)):
            for term in {place for one in ids if (place := ontology.resolve(one).place)}:
                seen, looked = counts[paper].get((disorder, term), (0, 0))
                counts[paper][disorder, term] = (seen + has, looked + 1)
    left = {
        paper: without_source(release, paper, counts[paper])
        for paper in dict.fromkeys(paper for _, paper, _ in told)
    }
    return [Patient(query, paper, place, left[paper]) for query, paper, place in told]


class ByRatios:
    """Sums of log10 likelihood ratios."""

    def __init__(self, release: Release, unrelated: float = NEUTRAL, weight: float = 0.25) -> None:
        self._release = release
        self._options = {"unrelated": unrelated, "excluded_weight": weight}
        self._all = self._made(release.profiles)
        self._paper: tuple[str, Likelihoods] | None = None

    def _made(self, profiles) -> Likelihoods:  # type: ignore[no-untyped-def]
        release = self._release
        return Likelihoods(release.ontology, profiles, release.background, **self._options)

    def __call__(self, patient: Patient) -> Scores:
        """The scores of all disorders."""
        query = patient.query
        count = len(self._release.annotations.disorders)
        found = self._all.total(query.present, query.excluded)[:count]
        if patient.left_out is not None:
            if self._paper is None or self._paper[0] != patient.paper:
                self._paper = (patient.paper, self._made(patient.left_out.profiles))
            others = self._paper[1].total(query.present, query.excluded)
            found[patient.left_out.disorders] = others
        return (found,)


class ByBestMatches:
    """Best-match averages by Resnik's similarity, with p values or without."""

    def __init__(self, release: Release, *, is_symmetric: bool, has_p: bool = False) -> None:
        count = len(release.annotations.disorders)
        own = release.profiles.own
        self._own = Rows(own.starts[: count + 1], own.values)
        among = np.zeros(release.profiles.count, np.bool_)
        among[:count] = release.is_omim
        information = information_content(release.profiles, among)
        self._similarities = Similarities(release.ontology, information)
        self._is_symmetric = is_symmetric
        self._significance = (
            Significance(self._similarities, self._own, np.unique(self._own.values))
            if has_p
            else None
        )

    def __call__(self, patient: Patient) -> Scores:
        """The scores of all disorders; p values, as negative numbers, before similarities."""
        matrix = self._similarities.matrix(patient.query.present, "resnik")
        found = best_matches(matrix, self._own, is_symmetric=self._is_symmetric)
        if patient.left_out is not None:
            own = patient.left_out.profiles.own
            others = best_matches(matrix, own, is_symmetric=self._is_symmetric)
            found[patient.left_out.disorders] = others
        scores = np.asarray(np.round(found, 5), np.float64)
        if self._significance is None:
            return (scores,)
        return -self._significance.p_values(found, len(patient.query.present)), scores


def ranks_of(release: Release, patients: Sequence[Patient], method: Method) -> NDArray[np.int64]:
    """The worst rank of each patient's disorder; `MISSED` where it has no annotations."""
    ranks = np.full(len(patients), MISSED)
    candidates = np.flatnonzero(release.is_omim)
    for number, patient in enumerate(patients):
        true = patient.disorder
        if true is None or not release.is_omim[true] or not _is_known(patient):
            continue
        first, *second = method(patient)
        before = first[candidates] > first[true]
        level = first[candidates] == first[true]
        for scores in second:
            before |= level & (scores[candidates] > scores[true])
            level &= scores[candidates] == scores[true]
        ranks[number] = int((before | level).sum())
    return ranks


def _is_known(patient: Patient) -> bool:
    """Whether anything is left to find the disorder by, and to ask by."""
    left = patient.left_out
    if not patient.query.present:
        return False
    if left is None or patient.disorder not in left.disorders:
        return True
    return bool(left.profiles.has_any[left.disorders == patient.disorder].any())


def gain(
    patients: Sequence[Patient], ranks: NDArray[np.int64], others: NDArray[np.int64], top: int
) -> str:
    """The paired difference of two top-k shares, with its interval."""
    papers = {paper: place for place, paper in enumerate(sorted({one.paper for one in patients}))}
    at = np.array([papers[one.paper] for one in patients])
    each = (ranks <= top).astype(float) - (others <= top)
    sums, sizes = np.bincount(at, each), np.bincount(at)
    rng = np.random.default_rng(SEED)
    drawn = rng.integers(len(sums), size=(SAMPLES, len(sums)))
    low, high = np.quantile(sums[drawn].sum(1) / sizes[drawn].sum(1), [0.025, 0.975])
    return f"{100 * each.mean():+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"


def row(name: str, ranks: NDArray[np.int64], part: str) -> list[object]:
    """The shares of a group of patients."""
    known = ranks < MISSED
    cells: list[object] = [name, part, f"{len(ranks):,}", f"{known.sum():,}"]
    cells += [f"{(ranks <= top).mean():.1%}" for top in (1, 10)]
    cells += [f"{(ranks[known] <= top).mean():.1%}" for top in (1, 10)]
    return [*cells, f"{int(np.median(ranks[known]))}"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", type=Path)
    told = parser.parse_args(arguments)
    release = open_release()
    patients = read_patients(told.shared, release)
    methods: dict[str, Method] = {
        "likelihood ratios": ByRatios(release),
        "  without excluded terms": ByRatios(release, weight=0.0),
        "  excluded terms in full": ByRatios(release, weight=1.0),
        "  unrelated terms 1/100": ByRatios(release, UNRELATED),
        "Resnik, one-sided": ByBestMatches(release, is_symmetric=False),
        "Resnik, symmetric": ByBestMatches(release, is_symmetric=True),
        "Phenomizer-like p": ByBestMatches(release, is_symmetric=True, has_p=True),
    }
    ranks: dict[str, NDArray[np.int64]] = {}
    for name, method in methods.items():
        ranks[name] = ranks_of(release, patients, method)
        print(row(name, ranks[name], "all"), flush=True)
    is_even = np.array([patient.is_even for patient in patients])
    parts = {"all": is_even | True, "weights chosen on": is_even, "not looked at": ~is_even}
    command = "python -m benchmarks.disorder_ranking SHARED (HPO of "
    command += f"{release.annotations.release}, {release.is_omim.sum():,} disorders)"
    shares = ("top-1", "top-10", "top-1 of these", "top-10 of these", "median rank of these")
    keep(
        "disorder-ranking",
        command,
        ("ranked by", "papers", "patients", "can be ranked", *shares),
        [row(name, one[at], part) for part, at in parts.items() for name, one in ranks.items()],
    )
    terms = np.array([len(patient.query.present) for patient in patients])
    compared = ("likelihood ratios", "Resnik, one-sided", "Phenomizer-like p")
    keep(
        "disorder-ranking-by-terms",
        command,
        ("ranked by", "terms present", "patients", "can be ranked", *shares),
        [
            row(name, ranks[name][at], f"{low} to {high}" if high < 999 else f"{low} and more")
            for low, high in TERMS
            for at in [(terms >= low) & (terms <= high)]
            for name in compared
        ],
    )
    ours = ranks["likelihood ratios"]
    keep(
        "disorder-ranking-gains",
        command,
        ("likelihood ratios against", "papers", "top-1, points (95 %)", "top-10, points (95 %)"),
        [
            [
                name,
                part,
                *(
                    gain([p for p, here in zip(patients, at, strict=True) if here],
                         ours[at], ranks[name][at], top)
                    for top in (1, 10)
                ),
            ]
            for part, at in parts.items()
            for name in ("Resnik, one-sided", "Resnik, symmetric", "Phenomizer-like p")
        ],
    )  # fmt: skip


if __name__ == "__main__":
    main()
