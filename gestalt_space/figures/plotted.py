"""What is measured of a cohort, with `plot(ax=…)` as in seaborn and scanpy, for notebooks."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from gestalt_space.cohort import clusters, cohort_matrix, mapping
from gestalt_space.cohort.clusters import USUAL_PLAN, Clustering, ClusterPlan
from gestalt_space.cohort.cohort_matrix import CohortMatrix, PatientValue, Unit
from gestalt_space.cohort.columns import Column
from gestalt_space.cohort.mapping import CohortMap, Method
from gestalt_space.cohort.matrix import Value
from gestalt_space.cohort.projection import PERPLEXITY
from gestalt_space.cohort.selection import Selection
from gestalt_space.cohort.shown_map import shown_map
from gestalt_space.figures.cohorts import (
    clustering_figure,
    heat_map_of,
    map_figure,
    map_of,
    matrix_figure,
    tree_of,
)
from gestalt_space.figures.heat_map import draw_heat_map, size_of
from gestalt_space.figures.keys import Palette
from gestalt_space.figures.point_maps import draw_point_map
from gestalt_space.figures.trees import draw_tree

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_BESIDE = 3.8
"""Inches for names and keys, beside a heat map on axes of its own."""


@dataclass(frozen=True)
class PlottedMatrix(CohortMatrix):
    """A matrix that draws itself."""

    def plot(
        self, ax: Axes | None = None, *, keys: bool = True, palette: Palette | None = None
    ) -> Axes:
        """Draw the clustered heat map on `ax`, or on axes of a new figure, and return them. `keys`:
        with the colour scale and the keys of the bars; `palette`: shared with other figures. Raises
        `UsageError` for a matrix that is too large."""
        heat = heat_map_of(self, palette)
        width, height = size_of(heat)
        return draw_heat_map(ax or _new_axes(width + _BESIDE, height + 0.6), heat, keys=keys)

    def figure(self, palette: Palette | None = None) -> Figure:
        """A figure of its own with title and notes, for `save_figure`."""
        return matrix_figure(self, palette)


@dataclass(frozen=True, kw_only=True)
class PlottedClustering(Clustering):
    """Clusters of a `selection`'s patients that draw their tree."""

    selection: Selection

    def plot(
        self,
        ax: Axes | None = None,
        *,
        keys: bool = True,
        palette: Palette | None = None,
        show_patients: bool = False,
    ) -> Axes:
        """Draw the tree of average linkage with bars of what is known on `ax`, or on axes of a new
        figure, and return them. `show_patients`: name the leaves, where there is room."""
        tree = tree_of(self.selection, self, palette, show_patients=show_patients)
        return draw_tree(ax or _new_axes(10, 4.4), tree, keys=keys)

    def figure(self, *, show_patients: bool = False) -> Figure:
        """A figure of its own with title and note, for `save_figure`."""
        return clustering_figure(self.selection, self, show_patients=show_patients)


@dataclass(frozen=True, kw_only=True)
class PlottedMap(CohortMap):
    """A map of a `selection`'s patients that draws itself."""

    selection: Selection

    def plot(
        self,
        colour: Column = "disorder",
        ax: Axes | None = None,
        *,
        placed: Selection | None = None,
        there: NDArray[np.float64] | None = None,
        keys: bool = True,
        palette: Palette | None = None,
    ) -> Axes:
        """Draw the patients, coloured by a column, on `ax`, or on axes of a new figure, and return
        them. `placed`: patients placed later, with a ring, and `there` `(q, 2)` their places, as
        `place` gives them. Raises `UsageError` where nothing is known in the column."""
        shown = shown_map(self, self.selection, placed, there)
        return draw_point_map(ax or _new_axes(8, 5.8), map_of(shown, colour, palette), keys=keys)

    def figure(
        self,
        colour: Column = "disorder",
        *,
        placed: Selection | None = None,
        there: NDArray[np.float64] | None = None,
    ) -> Figure:
        """A figure of its own with title and note, for `save_figure`."""
        return map_figure(shown_map(self, self.selection, placed, there), colour, self.told)


def measure(
    cohort: Selection,
    against: Selection | None = None,
    *,
    unit: Unit = "photo",
    patient_value: PatientValue = "mean",
    value: Value = "similarity",
    gallery: Selection | None = None,
    with_family: bool = False,
) -> PlottedMatrix:
    """All pairs within a cohort, or of a cohort with another set.

    Patients are compared by the mean of their descriptors, or by their nearest photos. Ranks need
    `gallery`, all of its photos: the controls are those of patients who are not in the cohort;
    columns are the probes, in whose pools no relative is, unless `with_family`. Raises `UsageError`
    for fewer than two rows, `SpaceMismatch` for sets of two spaces.
    """
    found = cohort_matrix.measure(
        cohort,
        against,
        unit=unit,
        patient_value=patient_value,
        value=value,
        gallery=gallery,
        with_family=with_family,
    )
    return PlottedMatrix(**_parts(found))


def cluster(selection: Selection, plan: ClusterPlan = USUAL_PLAN) -> PlottedClustering:
    """Clusters of a selection's patients. Raises `UsageError` for fewer than four patients, more
    than 10,000, or more clusters than patients."""
    return PlottedClustering(**_parts(clusters.cluster(selection, plan)), selection=selection)


def lay_map(
    selection: Selection,
    method: Method = "tsne",
    *,
    perplexity: float = PERPLEXITY,
    seed: int = 0,
) -> PlottedMap:
    """A map of a selection's patients.

    PCA of the descriptors; t-SNE (van der Maaten and Hinton 2008) and UMAP (McInnes 2018) by cosine
    distance. Raises `UsageError` for fewer than three patients, a perplexity below 1, or UMAP where
    it is not installed.
    """
    made = mapping.lay_map(selection, method, perplexity=perplexity, seed=seed)
    return PlottedMap(**_parts(made), selection=selection)


def _parts(of: DataclassInstance) -> dict[str, Any]:
    return {field.name: getattr(of, field.name) for field in fields(of)}


def _new_axes(width: float, height: float) -> Axes:
    """Axes of a new figure, which a notebook shows below its cell."""
    from matplotlib import pyplot

    figure = pyplot.figure(figsize=(width, height), layout="constrained")
    axes: Axes = figure.subplots()
    return axes
