"""Photo, HPO terms and exome: each alone, each pair, and all. Simulated faces of published cases.

gestalt simulate cohort --phenopackets SHARED/genomics/phenopackets.zip -o COHORT
gestalt index add COHORT/patients.csv --home HOME ; gestalt index calibrate --home HOME
python -m benchmarks.fusion COHORT HOME SHARED [--space builtin] [--papers-apart]

Each patient is asked about without the own photos, against all others (leave one patient out); with
`--papers-apart`, against those of other papers. Patients of a paper are described alike, and their
faces show what was described. The curves of the calibration are of all patients. Real are the
terms, disorders and genes of the cases, and the exome of the 1000 Genomes project. Simulated are
the faces, and the causal variant: the causal gene of each case is put into the gene scores of that
exome with a CADD score, in 95 of 100 cases. The score is drawn from what was found for pathogenic
variants (PMC9731569, table 2, all SNVs): 39 % above 25, 82 % above 16.3, and 67 % above 21.75 by
the likelihood ratio there; within these bounds evenly. That is not the distribution that the fusion
assumes. Each case is ranked with `DRAWS` such variants, one after the other, since a gain depended
on the scores that were drawn by more than a percentage point; all shares and counts are means over
them. Annotations that rest on a case's own paper are left out of the ratios of its terms.

What had to be chosen was chosen on the half of the papers whose hash is even: how many independent
terms a patient's terms count as at the most (`fusion-terms`: the mean log10 of the probability of
the true disorder, if all disorders were equally frequent; the highest one with the exome), how
many in a bound (`fusion-careful`: the highest number with which no range of bounds was worth less
than its lower end, for disorders), and that a withheld ratio is borrowed for the order
(`fusion-borrowed`). All other tables have the other half.

`fusion-bounds` holds the ratios and the bounds that are shown against what was counted: the share
of true lines with such a figure, against that of wrong ones. `gallery`: among disorders of HPO with
a photo's ratio, or genes of such disorders; `all`: also among those that the gallery does not have,
where the photo says nothing.

Candidates are all disorders of OMIM with phenotypes, and all genes of HPO. Ties take the worst
rank. Gains are paired; their intervals are by bootstrap of whole disorders or genes.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.fusion_cases import (
    Case,
    Evidence,
    Lines,
    OthersRanker,
    is_there,
    read_cases,
    with_causal,
)
from benchmarks.table import keep
from gestalt_space.fusion.exome_evidence import ExomeEvidence
from gestalt_space.fusion.fused import FusedRanking, Fusion
from gestalt_space.fusion.parts import PARTS, PartName
from gestalt_space.genomics.exome import ExomeScores, score_exome
from gestalt_space.genomics.filters import FilterPlan
from gestalt_space.genomics.genes import load_genes
from gestalt_space.home import Gallery
from gestalt_space.match.question import Question
from gestalt_space.phenotype.query import parse_query
from gestalt_space.phenotype.release import open_release

SEED, SAMPLES, DRAWS = 31, 2_000, 10
NAMES = {"photo": "face", "terms": "terms", "exome": "exome"}
INDEPENDENT_TERMS = (1.0, 2.0, 3.0, 3.5, 4.0, 4.5, 5.0, 7.0, 10.0, np.inf)
SETS: tuple[tuple[PartName, ...], ...] = tuple(
    found for size in (1, 2, 3) for found in combinations(PARTS, size)
)
FUSED: tuple[tuple[PartName, ...], ...] = tuple(one for one in SETS if "photo" in one)
CAREFUL_TERMS = (1.0, 1.5, 2.0, 2.5, 3.0, 3.5)
BINS = (-1.0, 0.0, 1.0, 2.0, 3.0, 4.0)
"""Log10 ratios and bounds at which they are held against what was counted."""
NO_BOUND = -9.0
ROUNDING = 3e-4


class Counted:
    """How many true and wrong lines have a figure in each of `BINS` `(2, b)`, below them and in
    all."""

    def __init__(self) -> None:
        self.counts = np.zeros((2, len(BINS) + 1))

    def add(self, values: NDArray[np.float64], is_true: NDArray[np.bool_]) -> None:
        """Count the lines of a case with one exome."""
        places = np.searchsorted(BINS, values, side="right")
        for row, of in enumerate((is_true, ~is_true)):
            self.counts[row] += np.bincount(places[of], minlength=len(BINS) + 1) / DRAWS

    def worth(self) -> list[str]:
        """The log10 ratio of the shares of true and wrong lines, by bins."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = np.log10(np.divide(*(self.counts / self.counts.sum(1, keepdims=True))))
        return [f"{one:+.2f}" if np.isfinite(one) else "–" for one in ratios[1:]]


@dataclass
class Found:
    """Of half of the cases: ranks by parts of disorders and of genes, `(n, draws, sets)` each;
    `own`: ranks of disorders by all parts without borrowed ratios, `(n, draws)`; `probable`: log10
    probabilities of the true disorder by evidence and number of independent terms; counts by what
    they are of."""

    ranks: dict[str, list[list[list[int]]]] = field(default_factory=dict)
    own: list[list[int]] = field(default_factory=list)
    probable: dict[tuple[str, float], list[float]] = field(default_factory=dict)
    counts: dict[tuple[str, ...], Counted] = field(default_factory=dict)

    def count(self, key: tuple[str, ...], lines: Lines, figures: NDArray[np.float64]) -> None:
        """Count figures of a case among lines with a photo's ratio, and among all."""
        is_true = np.arange(len(figures)) == lines.true
        values = np.nan_to_num(figures, nan=NO_BOUND)
        for where, shown in (("gallery", lines.is_compared), ("all", ~lines.is_withheld)):
            of = shown & lines.is_known
            self.counts.setdefault((*key, where), Counted()).add(values[of], is_true[of])


def rank_half(
    cases: Sequence[Case],
    gallery: Gallery,
    ranker: OthersRanker,
    exome: ExomeScores,
    *,
    is_chosen_on: bool,
    papers_apart: bool,
) -> Found:
    """Each case, without its own photos and the annotations of its paper. `is_chosen_on`: what is
    counted is what numbers were chosen by, not what was chosen. `papers_apart`: also without the
    photos of all patients of its paper."""
    rng = np.random.default_rng(SEED)
    release = ranker.release
    unknown = ExomeEvidence(exome.genes, exome.total, release.annotations).unknown
    evidence = Evidence(release, len(unknown))
    found = Found()
    for number, case in enumerate(cases):
        if number % 200 == 0:
            print(f"{number} of {len(cases)}", flush=True)
        ranker.paper = case.paper
        query = parse_query(release.ontology, case.terms)
        scores = ranker.scores(query)
        question = Question(without=case.colleagues if papers_apart else ())
        ((_, photo),) = gallery.answer_in_full([gallery.stored_probe(case.patient)], question)
        all_lines = {
            "disorders": evidence.disorders(case, photo, query, scores),
            "genes": evidence.genes(case, photo, query, scores),
        }
        ranks: dict[str, list[list[int]]] = {what: [] for what in all_lines}
        own = []
        for draw in range(DRAWS):
            variants = with_causal(exome, case.gene, rng)
            of_exome = ExomeEvidence(variants, exome.total, release.annotations)
            parts = evidence.exome(of_exome, len(all_lines["disorders"].ids))
            for (what, without), values in zip(all_lines.items(), parts, strict=True):
                lines = replace(without, exome=values)
                if number == draw == 0:
                    fusion = Fusion(ranker, photo, query, of_exome)
                    _check(lines, fusion.disorders() if what == "disorders" else fusion.genes())
                ranks[what].append([lines.rank(parts) for parts in SETS])
                if not is_chosen_on:
                    _count_figures(found, what, lines)
                    continue
                _count_choices(found, what, lines)
                if what == "disorders":
                    _add_probable(found, lines)
                    alone = np.where(lines.is_withheld, 0.0, lines.photo)
                    own.append(replace(lines, photo=alone).rank(PARTS))
        for what, of_case in ranks.items():
            found.ranks.setdefault(what, []).append(of_case)
        found.own.append(own)
    return found


def _check(lines: Lines, ranking: FusedRanking) -> None:
    """The figures that are counted are those that are shown."""
    ratios, bounds = lines.ratio(PARTS), lines.lower(PARTS)
    shown = {line.id: line for line in ranking.lines}
    for place, id_ in enumerate(lines.ids):
        if not lines.is_known[place] and id_ not in shown:
            continue
        line = shown[id_]
        assert abs(ratios[place] - line.log10_ratio) < ROUNDING, id_
        if line.lower is None:
            assert np.isnan(bounds[place]), id_
        else:
            assert abs(bounds[place] - line.lower) < ROUNDING, id_


def _count_figures(found: Found, what: str, lines: Lines) -> None:
    for parts in FUSED:
        key = (what, _name(parts))
        found.count((*key, "ratio"), lines, lines.ratio(parts))
        found.count((*key, "bound"), lines, lines.lower(parts))


def _count_choices(found: Found, what: str, lines: Lines) -> None:
    for parts in (("photo", "terms"), PARTS):
        for careful in CAREFUL_TERMS:
            key = (what, _name(parts), f"{careful:g}")
            found.count(key, lines, lines.lower(parts, careful))


def _add_probable(found: Found, lines: Lines) -> None:
    """Among all disorders of HPO."""
    for count in INDEPENDENT_TERMS:
        for parts in (("terms",), ("terms", "exome")):
            total = lines.total(parts, count)[lines.is_known]
            highest = total.max()
            whole = highest + np.log10((10.0 ** (total - highest)).sum())
            values = found.probable.setdefault((_name(parts), count), [])
            values.append(float(total[lines.true] - whole))


def _name(parts: Sequence[str]) -> str:
    return " + ".join(NAMES[part] for part in parts)


def probable_rows(found: Found) -> Iterator[list[object]]:
    """How probable the true disorder is, by the number of independent terms."""
    names = list(dict.fromkeys(name for name, _ in found.probable))
    for count in INDEPENDENT_TERMS:
        cells = [f"{np.mean(found.probable[name, count]):.3f}" for name in names]
        yield ["all" if count == np.inf else f"{count:g}", *cells]


def accuracy_rows(ranks: NDArray[np.int64], groups: Sequence[str]) -> Iterator[list[object]]:
    """Top-1 and top-10 of each set of parts, and what the whole gains over it."""
    whole = ranks[..., -1]
    for number, parts in enumerate(SETS):
        own = ranks[..., number]
        cells = [f"{(own <= top).mean():.1%}" for top in (1, 10)]
        gains = ["", ""]
        if number < len(SETS) - 1:
            gains = [_gain(whole <= top, own <= top, groups) for top in (1, 10)]
        yield [_name(parts), *cells, f"{int(np.median(own)):,}", *gains]


def _gain(one: NDArray[np.bool_], other: NDArray[np.bool_], groups: Sequence[str]) -> str:
    """The paired difference in percentage points with its interval."""
    _, at = np.unique(groups, return_inverse=True)
    each = (one.astype(float) - other).mean(axis=1)
    sums, sizes = np.bincount(at, each), np.bincount(at)
    drawn = np.random.default_rng(SEED).integers(len(sums), size=(SAMPLES, len(sums)))
    low, high = np.quantile(sums[drawn].sum(1) / sizes[drawn].sum(1), [0.025, 0.975])
    return f"{100 * each.mean():+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"


def borrowed_rows(found: Found, cases: Sequence[Case]) -> Iterator[list[object]]:
    """What all three gain over terms and exome, with and without borrowed ratios: disorders."""
    ranks = np.array(found.ranks["disorders"])
    rest = ranks[..., SETS.index(("terms", "exome"))]
    groups = [case.disorder for case in cases]
    for name, own in (("own", np.array(found.own)), ("borrowed", ranks[..., -1])):
        shares = [f"{(own <= top).mean():.1%}" for top in (1, 10)]
        yield [name, *shares, *(_gain(own <= k, rest <= k, groups) for k in (1, 10))]


def careful_rows(found: Found) -> Iterator[list[object]]:
    """What bounds were worth, by the number of independent terms in them."""
    for key, counted in found.counts.items():
        yield [*key, *counted.worth()[1:]]


def bound_rows(found: Found) -> Iterator[list[object]]:
    """What patients with a disorder and without it get, by ranges of the figures. The ratio of both
    shares should not be below the range of a bound, and in that of a ratio."""
    for key, counted in found.counts.items():
        for place, (low, worth) in enumerate(zip(BINS, counted.worth(), strict=True)):
            upper = "" if place == len(BINS) - 1 else f" to {BINS[place + 1]:+g}"
            true, wrong = counted.counts[:, place + 1]
            yield [*key, f"{low:+g}{upper}", f"{true:,.1f}", f"{wrong:,.0f}", worth]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cohort", type=Path)
    parser.add_argument("home", type=Path)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--patients", type=int)
    parser.add_argument("--space")
    parser.add_argument("--half", choices=("even", "odd"), help="only these papers")
    parser.add_argument(
        "--papers-apart", action="store_true", help="without photos of the case's own paper"
    )
    told = parser.parse_args(arguments)
    release = open_release()
    cases = read_cases(told.cohort, release)
    if told.patients is not None:
        drawn = np.random.default_rng(SEED).permutation(len(cases))[: told.patients]
        cases = [cases[place] for place in np.sort(drawn)]
    exome = score_exome(
        told.shared / "genomics" / "exome_hg19_cadd.vcf.gz", FilterPlan(), load_genes(None)
    )
    ranker = OthersRanker(release)
    asked = "" if told.patients is None else f" --patients {told.patients}"
    asked += "" if told.space is None else f" --space {told.space}"
    asked += " --papers-apart" if told.papers_apart else ""
    of_space = "" if told.space is None else f"-{told.space}"
    of_space += "-papers-apart" if told.papers_apart else ""
    command = f"python -m benchmarks.fusion COHORT HOME SHARED{asked}  # seed {SEED}"
    with Gallery.open(told.home, space=told.space) as gallery:
        known = [case for case in cases if is_there(gallery, case)]
        for half in ("even", "odd"):
            if told.half not in (None, half):
                continue
            some = [case for case in known if case.is_even == (half == "even")]
            found = rank_half(
                some,
                gallery.pinned(),
                ranker,
                exome,
                is_chosen_on=half == "even",
                papers_apart=told.papers_apart,
            )
            keep_half = _keep_chosen if half == "even" else _keep_found
            keep_half(found, some, f"{command}, {len(some):,} patients of {half} papers", of_space)


def _keep_chosen(found: Found, cases: Sequence[Case], command: str, of_space: str) -> None:
    header: tuple[str, ...] = ("independent terms", "terms", "terms + exome")
    keep("fusion-terms", command, header, list(probable_rows(found)))
    header = ("ratios", "top-1", "top-10", "gain over terms + exome, top-1", "top-10")
    keep(f"fusion-borrowed{of_space}", command, header, list(borrowed_rows(found, cases)))
    header = ("what", "evidence", "independent terms", "among", *(f"{b:+g}" for b in BINS[1:]))
    keep(f"fusion-careful{of_space}", command, header, list(careful_rows(found)))


def _keep_found(found: Found, cases: Sequence[Case], command: str, of_space: str) -> None:
    header: tuple[str, ...]
    header = ("evidence", "top-1", "top-10", "median rank", "all three gain, top-1", "top-10")
    for what, ranks in found.ranks.items():
        groups = [case.disorder if what == "disorders" else case.gene for case in cases]
        rows = list(accuracy_rows(np.array(ranks), groups))
        keep(f"fusion-{what}{of_space}", command, header, rows)
    header = ("what", "evidence", "figure", "among", "log10", "true", "wrong", "counted log10")
    keep(f"fusion-bounds{of_space}", command, header, list(bound_rows(found)))


if __name__ == "__main__":
    main()
