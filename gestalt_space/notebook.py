"""Cohorts from a notebook: arrays or a data frame in, figures and data frames out.

>>> from gestalt_space import notebook as gs
>>> everybody = gs.selection_of(descriptors, patients, disorders=disorders)
>>> gs.cohesion(everybody.only(mine), everybody).p

What comes of a gallery is chosen by `gs.select`; what is measured, by `gs.measure`, `gs.cohesion`,
`gs.compare`, `gs.cluster` and `gs.lay_map`. The results are told in their own docstrings, and as
data frames by `frame()` of a matrix and of the tables.
"""

from gestalt_space.cohort.arrays import selection_of, selection_of_frame
from gestalt_space.cohort.clusters import Clustering, ClusterPlan, cluster
from gestalt_space.cohort.cohesion import Cohesion, CohesionPlan, cohesion
from gestalt_space.cohort.cohort_matrix import CohortMatrix, measure
from gestalt_space.cohort.comparison import Comparison, ComparisonPlan, compare
from gestalt_space.cohort.heat import write_figure
from gestalt_space.cohort.mapping import CohortMap, lay_map, place
from gestalt_space.cohort.matrix import rank_matrix, similarity_matrix
from gestalt_space.cohort.pictures import tree_drawing, write_drawing, write_map_picture
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
from gestalt_space.cohort.sub_blocks import Blocks, judge_blocks
from gestalt_space.cohort.tables import write_matrix
from gestalt_space.home import Gallery
from gestalt_space.tables.table import Table

__all__ = [
    "Blocks",
    "ClusterPlan",
    "Clustering",
    "Cohesion",
    "CohesionPlan",
    "CohortMap",
    "CohortMatrix",
    "Comparison",
    "ComparisonPlan",
    "Criteria",
    "Gallery",
    "Selection",
    "Table",
    "cluster",
    "clusters_table",
    "cohesion",
    "cohesion_table",
    "compare",
    "comparison_table",
    "curve_table",
    "disorders_table",
    "judge_blocks",
    "lay_map",
    "measure",
    "members_table",
    "pairs_table",
    "place",
    "places_table",
    "rank_matrix",
    "select",
    "selection_of",
    "selection_of_frame",
    "similarities_table",
    "similarity_matrix",
    "tree_drawing",
    "write_drawing",
    "write_figure",
    "write_map_picture",
    "write_matrix",
]
