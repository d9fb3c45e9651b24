"""Cohorts from a notebook: arrays or a data frame in, figures and data frames out.

>>> from gestalt_space import notebook as gs
>>> everybody = gs.selection_of(descriptors, patients, disorders=disorders)
>>> gs.cohesion(everybody.only(mine), everybody).p
>>> gs.measure(everybody, unit="patient").plot()

`gs.select` chooses patients of a gallery. The results of `gs.measure`, `gs.cluster` and
`gs.lay_map` can draw themselves: `plot(ax=…)` on your axes, and `figure()` for `gs.save_figure`.
Tables and matrices have `frame()` for a data frame.
"""

from gestalt_space.cohort.arrays import selection_of, selection_of_frame
from gestalt_space.cohort.clusters import Clustering, ClusterPlan
from gestalt_space.cohort.cohesion import Cohesion, CohesionPlan, cohesion
from gestalt_space.cohort.cohort_matrix import CohortMatrix
from gestalt_space.cohort.comparison import ComparisonPlan, GroupComparison, compare_groups
from gestalt_space.cohort.composite import Composite, composite
from gestalt_space.cohort.mapping import CohortMap, place
from gestalt_space.cohort.matrix import rank_matrix, similarity_matrix
from gestalt_space.cohort.recognisable import Recognisable, RecognisablePlan, recognisable
from gestalt_space.cohort.result_tables import (
    clusters_table,
    cohesion_table,
    comparison_table,
    curve_table,
    disorders_table,
    members_table,
    pairs_table,
    places_table,
    recognisable_table,
    similarities_table,
    term_shares_table,
)
from gestalt_space.cohort.selection import Criteria, Selection, select
from gestalt_space.cohort.sub_blocks import Blocks, judge_blocks
from gestalt_space.cohort.tables import write_matrix
from gestalt_space.figures.faces import faces_figure
from gestalt_space.figures.keys import Palette
from gestalt_space.figures.plotted import (
    PlottedClustering,
    PlottedMap,
    PlottedMatrix,
    cluster,
    lay_map,
    measure,
)
from gestalt_space.figures.saving import save_figure
from gestalt_space.home import Gallery
from gestalt_space.phenotype.patients import DescribedPatients, described
from gestalt_space.phenotype.release import open_release
from gestalt_space.tables.table import Table

__all__ = [
    "Blocks",
    "ClusterPlan",
    "Clustering",
    "Cohesion",
    "CohesionPlan",
    "CohortMap",
    "CohortMatrix",
    "ComparisonPlan",
    "Composite",
    "Criteria",
    "DescribedPatients",
    "Gallery",
    "GroupComparison",
    "Palette",
    "PlottedClustering",
    "PlottedMap",
    "PlottedMatrix",
    "Recognisable",
    "RecognisablePlan",
    "Selection",
    "Table",
    "cluster",
    "clusters_table",
    "cohesion",
    "cohesion_table",
    "compare_groups",
    "comparison_table",
    "composite",
    "curve_table",
    "described",
    "disorders_table",
    "faces_figure",
    "judge_blocks",
    "lay_map",
    "measure",
    "members_table",
    "open_release",
    "pairs_table",
    "place",
    "places_table",
    "rank_matrix",
    "recognisable",
    "recognisable_table",
    "save_figure",
    "select",
    "selection_of",
    "selection_of_frame",
    "similarities_table",
    "similarity_matrix",
    "term_shares_table",
    "write_matrix",
]
