"""Maps: patients' mean descriptors in two dimensions, and new patients placed on an existing
map."""

from __future__ import annotations

import io
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from gestalt_space.atomic_files import check_new_file, write_atomically
from gestalt_space.cohort.projection import PERPLEXITY, lay_out, perplexity_for
from gestalt_space.cohort.selection import Selection
from gestalt_space.errors import SpaceMismatch, TableDamaged, UsageError
from gestalt_space.types import Descriptors

Method: TypeAlias = Literal["pca", "tsne", "umap"]
METHODS: tuple[Method, ...] = get_args(Method)
FEWEST_PATIENTS = 3
NEIGHBOURS = 10
"""Patients of the map between whom a new one is placed."""
_VERSION = 1
_FIELDS = (
    *("version", "places", "descriptors", "patients", "method", "fingerprint", "space"),
    *("perplexity", "seed", "explained", "mean", "components"),
)


@dataclass(frozen=True)
class CohortMap:
    """Patients `(p,)` at `places` `(p, 2)`.

    `perplexity`: of t-SNE, NaN for other methods. `explained`: the shares of the variance on the
    two axes of PCA; `mean` `(d,)` and `components` `(2, d)` of its projection; empty for other
    methods. `descriptors` `(p, d)`: what new patients are compared with, biometric data.
    """

    places: NDArray[np.float64]
    descriptors: Descriptors
    patients: tuple[str, ...]
    method: Method
    space: str
    fingerprint: str
    perplexity: float
    seed: int
    explained: tuple[float, ...] = ()
    mean: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    components: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))

    @property
    def told(self) -> str:
        """The method and its parameters, in words."""
        if self.method == "pca":
            first, second = (100 * share for share in self.explained)
            return f"PCA; the axes hold {first:.0f} % and {second:.0f} % of the variance"
        if self.method == "umap":
            return f"UMAP with cosine distance, seed {self.seed}"
        few = self.perplexity < PERPLEXITY and self.perplexity == perplexity_for(len(self.patients))
        lowered = " (lowered for so few patients)" if few else ""
        return (
            f"t-SNE with cosine distance, perplexity {self.perplexity:.3g}{lowered}, "
            f"seed {self.seed}"
        )


def parse_method(name: str) -> Method:
    """A method by its name. Raises `UsageError`."""
    for method in METHODS:
        if name == method:
            return method
    raise UsageError(f"Unknown method {name!r}.", f"Choose one of: {', '.join(METHODS)}.")


def lay_map(
    selection: Selection,
    method: Method = "tsne",
    *,
    perplexity: float = PERPLEXITY,
    seed: int = 0,
) -> CohortMap:
    """A map of a selection's patients.

    By PCA of the descriptors, or by t-SNE (van der Maaten and Hinton 2008) or UMAP (McInnes 2018)
    with cosine distance. Raises `UsageError` for fewer than three patients, a perplexity below 1,
    or UMAP if it is not installed.
    """
    method = parse_method(method)
    rows = selection.patient_descriptors()
    if len(rows) < FEWEST_PATIENTS:
        raise UsageError(
            f"{len(rows)} patients are too few for a map.", f"Select {FEWEST_PATIENTS} or more."
        )
    if not perplexity >= 1:
        raise UsageError(f"A perplexity of {perplexity:g} is too low.", "Give 1 or more.")
    made = CohortMap(
        places=np.zeros((0, 2)),
        descriptors=rows,
        patients=selection.patients,
        method=method,
        space=selection.space,
        fingerprint=selection.fingerprint,
        perplexity=float("nan"),
        seed=seed,
    )
    if method == "pca":
        mean = rows.mean(0, dtype=np.float64)
        _, spread, axes = np.linalg.svd(rows - mean, full_matrices=False)
        components = axes[:2] * np.where(axes[:2].sum(1, keepdims=True) < 0, -1, 1)
        total = max(float((spread**2).sum()), 1e-12)
        shares = tuple(float(one) for one in spread[:2] ** 2 / total)
        return replace(
            made,
            places=(rows - mean) @ components.T,
            explained=shares,
            mean=mean,
            components=components,
        )
    if method == "umap":
        return replace(made, places=_umap(rows, seed))
    places = lay_out(rows, seed=seed, perplexity=perplexity).astype(np.float64)
    return replace(made, places=places, perplexity=perplexity_for(len(rows), perplexity))


def _umap(rows: Descriptors, seed: int) -> NDArray[np.float64]:
    try:
        import umap
    except ImportError as error:
        raise UsageError(
            "UMAP is not installed.", "Run `pip install umap-learn`, or use --method tsne."
        ) from error
    neighbours = min(15, len(rows) - 1)
    model = umap.UMAP(metric="cosine", n_neighbors=neighbours, random_state=seed % 2**32, n_jobs=1)
    return np.asarray(model.fit_transform(rows), dtype=np.float64)


def place(on: CohortMap, selection: Selection) -> NDArray[np.float64]:
    """The places `(q, 2)` of a selection's patients on a map, which does not change.

    With PCA they are projected. On other maps each is placed at the mean of the ten most similar
    patients, weighted by how far their similarity exceeds that of the eleventh. Such a patient is
    always placed among the others: a patient unlike all others does not stand out. Raises
    `SpaceMismatch`, and `UsageError` for a patient who is already on the map.
    """
    check_map_space(on, selection)
    there = set(on.patients)
    if again := [patient for patient in selection.patients if patient in there]:
        raise UsageError(
            f"{len(again):,} of the patients are already on the map, for example {again[0]}.",
            "Select only patients who are not on the map.",
        )
    rows = selection.patient_descriptors()
    if on.method == "pca":
        return np.asarray((rows - on.mean) @ on.components.T)
    similar = (rows @ on.descriptors.T).astype(np.float64)
    nearest = min(NEIGHBOURS, similar.shape[1] - 1)
    order = np.argsort(-similar, axis=1, kind="stable")[:, : nearest + 1]
    sorted_ = np.take_along_axis(similar, order, axis=1)
    weights = sorted_[:, :nearest] - sorted_[:, nearest:] + 1e-9
    weights /= weights.sum(1, keepdims=True)
    return np.asarray(np.einsum("qk,qkx->qx", weights, on.places[order[:, :nearest]]))


def check_map_space(on: CohortMap, selection: Selection) -> None:
    """Raise `SpaceMismatch` for a map of another space."""
    if on.fingerprint != selection.fingerprint:
        raise SpaceMismatch(
            f"The map was made in the space of {on.space} ({on.fingerprint[:12]}), but the "
            f"patients are in the space of {selection.space} ({selection.fingerprint[:12]}).",
            f"Use --space {on.space}, or make a new map.",
        )


def write_map(made: CohortMap, path: Path, *, overwrite: bool = False) -> None:
    """Write a map to an `.npz` file, from which `read_map` reads it. Raises `OutputError`."""
    check_new_file(path, (".npz",), overwrite=overwrite)
    stream = io.BytesIO()
    np.savez(
        stream,
        version=_VERSION,
        places=made.places,
        descriptors=made.descriptors,
        patients=np.array(made.patients, dtype=np.str_),
        method=made.method,
        space=made.space,
        fingerprint=made.fingerprint,
        perplexity=made.perplexity,
        seed=made.seed,
        explained=np.array(made.explained),
        mean=made.mean,
        components=made.components,
    )
    write_atomically(path, stream.getvalue())


def read_map(path: Path) -> CohortMap:
    """A map written by `write_map`. Raises `UsageError` if it cannot be read, `TableDamaged` if it
    is not a map."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as held:
            found = {name: held[name] for name in _FIELDS}
        if int(found["version"]) != _VERSION:
            raise ValueError(f"version {found['version']}")
        made = CohortMap(
            places=found["places"],
            descriptors=found["descriptors"],
            patients=tuple(map(str, found["patients"])),
            method=parse_method(str(found["method"])),
            space=str(found["space"]),
            fingerprint=str(found["fingerprint"]),
            perplexity=float(found["perplexity"]),
            seed=int(found["seed"]),
            explained=tuple(map(float, found["explained"])),
            mean=found["mean"],
            components=found["components"],
        )
        _check_map(made)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror or error}.",
            "Give a map that --save-map wrote.",
        ) from error
    except Exception as error:  # a damaged archive raises anything
        raise TableDamaged(
            f"{path} is not a map that this version can read.",
            "Make one: `gestalt cohort map --save-map map.npz`.",
        ) from error
    return made


def _check_map(made: CohortMap) -> None:
    """Raise `ValueError` if the parts of a map do not fit together."""
    count = len(made.patients)
    dim = made.descriptors.shape[-1]
    shapes: list[tuple[NDArray[Any], tuple[int, ...]]]
    shapes = [(made.places, (count, 2)), (made.descriptors, (count, dim))]
    if made.method == "pca":
        shapes += [(made.mean, (dim,)), (made.components, (2, dim))]
        if len(made.explained) != 2:
            raise ValueError("no two axes")
    for part, shape in shapes:
        if part.shape != shape or part.dtype.kind != "f" or not np.isfinite(part).all():
            raise ValueError("a part with the wrong shape or type")
