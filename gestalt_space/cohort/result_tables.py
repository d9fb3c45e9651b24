"""Results as tables: for people, as CSV, or as a data frame of pandas."""

from __future__ import annotations

from gestalt_space.cohort.clusters import Clustering
from gestalt_space.cohort.cohesion import Cohesion
from gestalt_space.cohort.comparison import GroupComparison
from gestalt_space.cohort.mapping import CohortMap
from gestalt_space.cohort.recognisable import Recognisable
from gestalt_space.cohort.sub_blocks import Blocks
from gestalt_space.stats.estimates import finding_rows
from gestalt_space.tables.table import Table, Value

PAIRS = ("within_a", "within_b", "between")
COUNTS = ("patients_a", "patients_b", "units_a", "units_b")
BLOCKS = (
    *("side_a", "side_b", "distance", "prior", "different", "different_low", "different_high"),
    *("threshold", "sensitivity", "specificity", "disorders", "sites", "withheld"),
)


def comparison_table(found: GroupComparison) -> Table:
    """One row per figure: all tests, overall and for each disorder, with the ends of the interval
    and the p-values, and accuracy."""
    columns, rows = finding_rows(found.findings)
    return Table(columns, rows)


def similarities_table(found: GroupComparison) -> Table:
    """The compared disorders: similarities of pairs of families within the groups and between them,
    and the probability of different disorders."""
    figures = ("pairs", "mean", "sd", "low", "median", "high")
    rows: list[tuple[Value, ...]] = []
    for one in found.disorders:
        row: list[Value] = [one.disorder]
        row += [getattr(one, name) for name in COUNTS]
        row += [getattr(getattr(one, pairs), name) for pairs in PAIRS for name in figures]
        row += [None] * len(BLOCKS) if one.blocks is None else _block(one.blocks)
        rows.append(tuple(row))
    return Table(
        (
            *("disorder", *COUNTS),
            *(f"{pairs}_{figure}" for pairs in PAIRS for figure in figures),
            *(f"block_{name}" for name in BLOCKS),
        ),
        rows,
    )


def cohesion_table(found: Cohesion) -> Table:
    """The figures of a cohort, in one row."""
    figures: dict[str, Value] = {
        "patients": found.patients,
        "families": found.families,
        "photos": found.photos,
        "controls": found.controls,
        "relatives": found.relatives,
        "similarity": found.similarity,
        "random_mean": found.random_mean,
        "random_sd": found.random_sd,
        "effect": found.effect,
        "percentile": found.percentile,
        "p": found.p,
    }
    return Table(tuple(figures), (tuple(figures.values()),))


def recognisable_table(found: Recognisable) -> Table:
    """Whether the patients of a cohort are recognisable: a row by each of face, terms and both that
    was asked about."""
    groups: dict[str, Value] = {
        "patients": found.patients.patients,
        "families": found.patients.units,
        "controls": found.controls.patients,
        "control_families": found.controls.units,
        "unknown": found.unknown,
        "unmatched": found.unmatched,
        "relatives": found.relatives,
        "without_terms": None if found.terms is None else found.terms.patients_without,
        "classifier": found.classifier,
    }
    figures: tuple[dict[str, Value], ...] = tuple(
        {
            "by": one.by,
            "auroc": one.auroc.value,
            "auroc_low": one.auroc.low,
            "auroc_high": one.auroc.high,
            "brier": one.brier,
            "shuffled_brier": one.shuffled_brier,
            "shuffled_sd": one.shuffled_sd,
            "p": one.p,
        }
        for one in (*found.alone, found)
    )
    return Table(
        (*groups, *figures[0]), tuple((*groups.values(), *one.values()) for one in figures)
    )


def term_shares_table(found: Recognisable) -> Table:
    """The HPO terms of patients and controls, those that distinguish most first."""
    names = ("id", "name", "patients", "controls", "difference", "p", "q")
    shares = () if found.terms is None else found.terms.shares
    return Table(names, tuple(tuple(getattr(one, name) for name in names) for one in shares))


def curve_table(found: Cohesion) -> Table:
    """Single photos of an increasing number of patients, of the cohort and of the controls."""
    return Table(
        ("families", "similarity", "of_others", "percentile"),
        tuple((one.size, one.similarity, one.controls, one.percentile) for one in found.curve),
    )


def clusters_table(found: Clustering) -> Table:
    """The clusters of the cut."""
    return Table(
        ("cluster", "patients", "disorder", "of_disorder", "stability"),
        tuple(
            (one.number, one.patients, one.disorder, one.of_disorder, one.stability)
            for one in found.clusters
        ),
    )


def disorders_table(found: Clustering) -> Table:
    """The silhouette of each disorder's patients, and whether they fall into two. Halves are
    families."""
    return Table(
        (
            *("disorder", "patients", "silhouette", "half", "other_half", "apart", "p", "q"),
            *("split", "follows"),
        ),
        tuple(
            (
                *(of.disorder, of.patients, of.silhouette, *of.half_sizes, of.apart, of.p, of.q),
                *(of.split, " ".join(of.follows)),
            )
            for of in found.disorders
        ),
    )


def pairs_table(found: Clustering) -> Table:
    """Pairs of disorders: those that are hardest to tell apart first, those without a verdict
    last."""
    return Table(
        (
            *("first", "second", "families_first", "families_second", "left_out"),
            *("share", "share_low", "share_high", "side_first", "side_second"),
            *("p", "q", "p_alike", "q_alike", "verdict", "reason"),
        ),
        tuple(
            (
                *(of.first, of.second, *of.families, of.left_out),
                *(of.share.value, of.share.low, of.share.high, *of.sides),
                *(of.p, of.q, of.p_alike, of.q_alike, of.verdict, of.reason),
            )
            for of in found.pairs
        ),
    )


def members_table(found: Clustering) -> Table:
    """Each patient's cluster by average linkage and by HDBSCAN, empty for none."""
    return Table(
        ("patient", "cluster", "hdbscan"),
        tuple(
            (patient, int(label), int(dense) or None)
            for patient, label, dense in zip(found.patients, found.labels, found.dense, strict=True)
        ),
    )


def places_table(found: CohortMap) -> Table:
    """Each patient's place on a map."""
    return Table(
        ("patient", "x", "y"),
        tuple(
            (patient, float(x), float(y))
            for patient, (x, y) in zip(found.patients, found.places, strict=True)
        ),
    )


def _block(found: Blocks) -> list[Value]:
    one = found.different
    return [
        *(found.side_a, found.side_b, found.distance, found.prior, one.value, one.low, one.high),
        *(found.threshold, found.sensitivity, found.specificity, found.disorders),
        *(found.sites, found.withheld),
    ]
