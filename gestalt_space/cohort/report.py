"""The content of a cohort report: all measurements of one selection, with one seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from gestalt_space.cohort.cluster_documents import cluster_document
from gestalt_space.cohort.clusters import Clustering, ClusterPlan, cluster
from gestalt_space.cohort.cohesion import Cohesion, CohesionPlan, cohesion
from gestalt_space.cohort.cohort_matrix import CohortMatrix, measure
from gestalt_space.cohort.columns import column_of
from gestalt_space.cohort.comparison import ComparisonPlan, GroupComparison, compare_groups
from gestalt_space.cohort.composite import FEWEST, Composite, check_fewest, composite
from gestalt_space.cohort.mapping import CohortMap, lay_map
from gestalt_space.cohort.result_tables import (
    clusters_table,
    cohesion_table,
    comparison_table,
    curve_table,
    disorders_table,
    members_table,
    pairs_table,
    places_table,
    similarities_table,
)
from gestalt_space.cohort.selection import Criteria, Selection, select
from gestalt_space.cohort.statistics_document import cohesion_document, comparison_document
from gestalt_space.documents.cohorts import ReportDocument
from gestalt_space.errors import UsageError
from gestalt_space.home import Gallery
from gestalt_space.progress import Stages, no_stages
from gestalt_space.stats.resampling import FEWEST_REPLICATES, Bootstrap

MOST_COMPOSITES = 12
TABLES = (
    *("clusters", "disorders", "pairs", "cohesion", "single-photos", "comparison"),
    "similarities",
    *("patients", "map"),
)
"""Of a report, by their names."""
MOST_PATIENTS = 3000
"""Patients of the heat map: a cell of more would be smaller than what can be shown."""
T = TypeVar("T")


@dataclass(frozen=True)
class ReportPlan:
    """The numbers of random groups, permutations and bootstrap draws, the seed, and the smallest
    group with a composite. `composites`: whether there are any; `sharpen`: whether they are
    sharpened."""

    permutations: int = 10_000
    bootstrap: int = 1000
    seed: int = 0
    at_least: int = FEWEST
    composites: bool = False
    sharpen: bool = False

    def __post_init__(self) -> None:
        # What is wrong with the plan is an error, and no reason to leave a part out.
        CohesionPlan(permutations=self.permutations)
        if self.bootstrap < FEWEST_REPLICATES:
            raise UsageError(
                f"{self.bootstrap} bootstrap draws are too few for an interval.",
                f"Give --bootstrap {FEWEST_REPLICATES} or more; 1000 are usual.",
            )
        check_fewest(self.at_least)


@dataclass(frozen=True)
class CohortReport:
    """All measurements. `cohesion` and `comparison` are None if they are not possible, and
    `left_out` gives the reasons. `composites`: titles and faces."""

    selection: Selection
    matrix: CohortMatrix
    cohesion: Cohesion | None
    comparison: tuple[Selection, Selection, GroupComparison] | None
    clustering: Clustering
    map: CohortMap
    composites: tuple[tuple[str, Composite], ...]
    left_out: tuple[str, ...]
    plan: ReportPlan


def measure_cohort(
    gallery: Gallery,
    selection: Selection,
    plan: ReportPlan,
    *,
    stages: Stages = no_stages,
) -> CohortReport:
    """Compute all measurements for a selection's patients. Raises `UsageError` for fewer than
    four."""
    if len(selection.patients) > MOST_PATIENTS:
        raise UsageError(
            f"{len(selection.patients):,} patients are too many for a readable report.",
            f"Select at most {MOST_PATIENTS:,} patients.",
        )
    left_out: list[str] = []
    clustering = cluster(selection, ClusterPlan(seed=plan.seed), stages=stages)
    everybody = select(gallery, Criteria())
    cohesive = _tried(
        left_out,
        "Cohesion",
        lambda: cohesion(
            selection,
            everybody,
            CohesionPlan(permutations=plan.permutations, seed=plan.seed),
            stages=stages,
        ),
    )
    cohorts = sorted({str(one) for one in column_of(selection, "cohort") if one})
    compared = None
    if len(cohorts) == 2:
        a, b = (_of_cohort(selection, name) for name in cohorts)
        bootstrap = Bootstrap(plan.bootstrap, plan.seed)
        how = ComparisonPlan(permutations=plan.permutations, bootstrap=bootstrap, seed=plan.seed)
        found = _tried(
            left_out, "The comparison", lambda: compare_groups(a, b, how, everybody, stages=stages)
        )
        compared = None if found is None else (a, b, found)
    else:
        left_out.append(
            f"Comparison: it needs patients of two cohorts, but these are of {len(cohorts)}."
        )
    stages("Computing the map", "patients")
    laid = lay_map(selection, seed=plan.seed)
    return CohortReport(
        selection=selection,
        matrix=measure(selection, unit="patient"),
        cohesion=cohesive,
        comparison=compared,
        clustering=clustering,
        map=laid,
        composites=_composites(gallery, selection, plan, stages) if plan.composites else (),
        left_out=tuple(left_out),
        plan=plan,
    )


def report_tables(report: CohortReport, *, show_patients: bool) -> dict[str, bytes]:
    """Tables of a report by the names of their files, CSV in UTF-8."""
    tables = {
        "clusters": clusters_table(report.clustering),
        "disorders": disorders_table(report.clustering),
        "pairs": pairs_table(report.clustering),
    }
    if report.cohesion is not None:
        tables["cohesion"] = cohesion_table(report.cohesion)
        tables["single-photos"] = curve_table(report.cohesion)
    if report.comparison is not None:
        tables["comparison"] = comparison_table(report.comparison[2])
        tables["similarities"] = similarities_table(report.comparison[2])
    if show_patients:
        tables["patients"] = members_table(report.clustering)
        tables["map"] = places_table(report.map)
    return {f"{name}.csv": table.csv() for name, table in tables.items()}


def report_document(report: CohortReport, *, show_patients: bool) -> ReportDocument:
    """All figures of a report for programs."""
    return {
        "document": "report",
        "version": 1,
        "clusters": cluster_document(
            report.selection, report.clustering, show_patients=show_patients
        ),
        "cohesion": None
        if report.cohesion is None
        else cohesion_document(report.selection, report.cohesion),
        "comparison": None
        if report.comparison is None
        else comparison_document(*report.comparison),
        "map": report.map.told,
        "composites": [
            {
                "group": title,
                "families": of.families,
                "patients": of.patients,
                "photos": of.photos,
                "sharpened": of.sharpened,
            }
            for title, of in report.composites
        ],
        "left_out": list(report.left_out),
    }


def _tried(left_out: list[str], what: str, work: Callable[[], T]) -> T | None:
    """A measurement; None, with the reason recorded, if the patients do not allow it."""
    try:
        return work()
    except UsageError as error:
        left_out.append(f"{what}: {error.message}")
        return None


def _of_cohort(selection: Selection, cohort: str) -> Selection:
    pairs = zip(selection.patients, selection.people.cohort, strict=True)
    return selection.only(patient for patient, of in pairs if of == cohort)


def _composites(
    gallery: Gallery, selection: Selection, plan: ReportPlan, stages: Stages
) -> tuple[tuple[str, Composite], ...]:
    """The composites of all patients, and of the largest disorders."""
    names = column_of(selection, "disorder")
    sizes = {str(name): int((names == name).sum()) for name in set(names.tolist()) - {""}}
    largest = sorted(sizes, key=lambda name: (-sizes[name], name))[:MOST_COMPOSITES]
    groups = [("all patients", selection)]
    for name in largest:
        pairs = zip(selection.patients, names, strict=True)
        groups.append(
            (selection.title(name), selection.only(who for who, has in pairs if has == name))
        )
    found = []
    for title, group in groups:
        try:
            made = composite(
                gallery,
                group,
                at_least=plan.at_least,
                sharpen=plan.sharpen,
                progress=stages(f"Averaging faces of {title}", "faces"),
            )
            found.append((title, made))
        except UsageError:  # too few, or too few crops: the report says that those are not shown
            continue
    return tuple(found)
