"""The contract of vector indexes: inner product on unit descriptors, with identifiers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import DescriptorError, IndexDamaged, NotInGallery
from gestalt_space.types import Descriptors, Ids


class VectorIndex(Protocol):
    """Descriptors by identifier. Ties in a search break by the smaller identifier."""

    @property
    def dim(self) -> int:
        """Length of a descriptor."""
        ...

    @property
    def ids(self) -> Ids:
        """`(n,)` int64, the order of the columns of `similarities`."""
        ...

    @property
    def descriptors(self) -> Descriptors:
        """`(n, d)` float32 in the order of `ids`: a view, valid until the next change."""
        ...

    def add(self, ids: Ids, descriptors: Descriptors) -> None:
        """Add `(m, d)` descriptors under `(m,)` new identifiers, none negative.

        Raises `DescriptorError` for a row that is not a finite unit vector, `IndexDamaged` for an
        identifier that is there already; nothing is added then.
        """
        ...

    def remove(self, ids: Ids) -> None:
        """Remove identifiers. Raises `NotInGallery` for one that is not there, removing none."""
        ...

    def search(
        self, probes: Descriptors, k: int, among: Sequence[int] | Ids | None = None
    ) -> tuple[Ids, NDArray[np.float32]]:
        """The `k` nearest of each of `(q, d)` probes: ids and similarities, `(q, k')` each.

        `k' = min(k, eligible)`, so that every id is real. `among` keeps the search to those
        identifiers; ones that are not in the index are passed over.
        """
        ...

    def similarities(self, probes: Descriptors) -> NDArray[np.float32]:
        """`(q, n)` similarities of `(q, d)` probes to everything, columns in the order of `ids`."""
        ...

    def __len__(self) -> int: ...


TOLERANCE = 1e-5
"""More than single precision can err in an inner product of unit vectors. Similarities closer than
this are computed again in double precision before they are ranked, so that a ranking does not
depend on where in the index a descriptor stands, or on which probes are asked with it."""


def check_new_ids(ids: Ids, have: Ids, count: int) -> Ids:
    """The identifiers of `count` new descriptors as int64.

    Raises `IndexDamaged` for one that cannot be, `DescriptorError` for another number of them.
    """
    new = np.asarray(ids, dtype=np.int64)
    if new.shape != (count,):
        raise DescriptorError(f"{count} descriptors were given with {new.size} identifiers.")
    twice = np.intersect1d(new, have)
    if len(twice) or len(np.unique(new)) != len(new) or (len(new) and new.min() < 0):
        raise IndexDamaged(
            "An identifier is negative, or would stand twice in the index.",
            "Run `gestalt index rebuild`.",
        )
    return new


def check_known_ids(ids: Ids, have: Ids) -> Ids:
    """The identifiers to be removed as int64. Raises `NotInGallery` for one that is not there."""
    gone = np.asarray(ids, dtype=np.int64)
    unknown = np.setdiff1d(gone, have)
    if len(unknown):
        raise NotInGallery(
            f"The index has no descriptor {unknown[0]}.", "Run `gestalt index rebuild`."
        )
    return gone


def exact_similarities(probe: Descriptors, descriptors: Descriptors) -> NDArray[np.float64]:
    """Inner products of a probe `(d,)` with `(m, d)`, in double precision: `(m,)`.

    Summed row by row, so that a row's number does not depend on the rows beside it.
    """
    products: NDArray[np.float64] = descriptors.astype(np.float64) * probe
    return np.asarray(products.sum(axis=1), dtype=np.float64)


def rank_candidates(
    probe: Descriptors, ids: Ids, descriptors: Descriptors, k: int
) -> tuple[Ids, NDArray[np.float32]]:
    """The `k` nearest of some candidates, exactly, ties by the smaller identifier."""
    similarities = exact_similarities(probe, descriptors)
    order = np.lexsort((ids, -similarities))[:k]
    return ids[order], similarities[order].astype(np.float32)
