"""The means of patients' descriptors: of what is on disk, of what came after, and of the photos
alone that a filter lets in. Never all vectors are held, and no mean of unit length."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gestalt_space.index.exact import products
from gestalt_space.index.means import MeansPart
from gestalt_space.index.search import FEW_ROWS, Searcher
from gestalt_space.index.segment import rows_at_once
from gestalt_space.ranking.grouping import Numbers
from gestalt_space.types import Descriptors

Floats = NDArray[np.float64]
_BLOCKS_AT_ONCE = 2
"""Of 4 MiB, summed in double precision."""


class PatientMeans(Protocol):
    """The mean descriptor of each patient who has a photo."""

    @property
    def keys(self) -> Numbers:
        """`(p,)`: the patients' keys, ascending."""
        ...

    def products(self, probe: Descriptors) -> NDArray[np.float32]:
        """Inner products `(p,)` of a probe `(d,)` with the means, in single precision: they err as
        those with unit vectors do, and by what a float32 is rounded."""
        ...

    def of(self, places: Numbers) -> Floats:
        """The means at places in `keys`: `(m, d)`, each number rounded to a float32 or exact."""
        ...


class PartMeans:
    """The means of the patients `there` `(p,)`, ascending keys, as far as parts have them; the
    newest part comes last and holds."""

    def __init__(self, dim: int, parts: Sequence[MeansPart], there: Numbers | None = None) -> None:
        self._dim = dim
        self._parts = tuple(parts)
        keys = np.concatenate([np.zeros(0, dtype=np.int64), *(part.keys for part in parts)])
        source = np.repeat(np.arange(len(parts)), [len(part.keys) for part in parts])
        order: Numbers = np.lexsort((source, keys))
        newest = np.diff(keys[order], append=-2) != 0
        order = order[newest & (keys[order] >= 0)]
        if there is not None:
            order = order[np.isin(keys[order], there)]
        offsets = np.cumsum([0, *(len(part.keys) for part in parts)])
        self._keys: Numbers = keys[order]
        self._source: Numbers = source[order]
        self._row = order - offsets[self._source]

    @property
    def keys(self) -> Numbers:
        """See `PatientMeans.keys`."""
        return self._keys

    def products(self, probe: Descriptors) -> NDArray[np.float32]:
        """See `PatientMeans.products`."""
        found = np.empty(len(self._keys), dtype=np.float32)
        for number, part in enumerate(self._parts):
            mine = self._source == number
            found[mine] = products(part.means, probe)[self._row[mine]]
        return found

    def of(self, places: Numbers) -> Floats:
        """See `PatientMeans.of`."""
        found = np.empty((len(places), self._dim))
        source, row = self._source[places], self._row[places]
        for number, part in enumerate(self._parts):
            mine = np.flatnonzero(source == number)
            if len(mine):
                found[mine] = part.means[row[mine]]
        return found


class ChosenMeans:
    """The means of the photos alone that are `chosen` `(n,)`, of those who have one.

    Of whom all photos are chosen, the mean is that of `whole`; that of others is made of their rows
    each time, since to hold the means of everybody would take too much. `owners` `(n,)`: the key
    of each row's patient, -1 for a row that was removed.
    """

    def __init__(
        self,
        searcher: Searcher,
        whole: PatientMeans,
        owners: Numbers,
        chosen: NDArray[np.bool_],
    ) -> None:
        self._searcher = searcher
        self._whole = whole
        rows = np.flatnonzero(chosen & (owners >= 0))
        self._keys, counts = np.unique(owners[rows], return_counts=True)
        all_counts = np.bincount(owners[owners >= 0])[self._keys]
        self._in_part = np.flatnonzero(counts < all_counts)
        self._as_whole = np.flatnonzero(counts == all_counts)
        self._at = np.searchsorted(whole.keys, self._keys)
        place = np.searchsorted(self._keys, owners[rows])
        kept = (counts < all_counts)[place]
        order = np.argsort(place[kept], kind="stable")
        self._rows = rows[kept][order]
        """Those whose patients have others that are not chosen, patient after patient."""
        self._place = place[kept][order]
        self._counts = counts

    @property
    def keys(self) -> Numbers:
        """See `PatientMeans.keys`."""
        return self._keys

    def products(self, probe: Descriptors) -> NDArray[np.float32]:
        """See `PatientMeans.products`."""
        found = np.empty(len(self._keys), dtype=np.float32)
        if len(self._as_whole):
            found[self._as_whole] = self._whole.products(probe)[self._at[self._as_whole]]
        if len(self._rows):
            sums = np.bincount(self._place, self._similarities(probe), minlength=len(self._keys))
            found[self._in_part] = (sums / self._counts)[self._in_part]
        return found

    def of(self, places: Numbers) -> Floats:
        """See `PatientMeans.of`."""
        wanted, back = np.unique(places, return_inverse=True)
        found = np.empty((len(wanted), self._searcher.dim))
        in_part = np.isin(wanted, self._in_part)
        found[~in_part] = self._whole.of(self._at[wanted[~in_part]])
        of_them = np.isin(self._place, wanted[in_part])
        for some, sums in self._sums(self._rows[of_them], self._place[of_them]):
            found[np.searchsorted(wanted, some)] = sums / self._counts[some, None]
        return found[back]

    def _sums(self, rows: Numbers, places: Numbers) -> Iterator[tuple[Numbers, Floats]]:
        return run_sums(places, lambda some: self._searcher.vectors(rows[some]), self._searcher.dim)

    def _similarities(self, probe: Descriptors) -> NDArray[np.float32]:
        if len(self._rows) > FEW_ROWS * len(self._searcher):
            return np.asarray(self._searcher.similarities(probe[None])[0][self._rows])
        step = rows_at_once(self._searcher.dim)
        found = np.empty(len(self._rows), dtype=np.float32)
        for start in range(0, len(self._rows), step):
            some = slice(start, start + step)
            found[some] = products(self._searcher.vectors(self._rows[some]), probe)
        return found


def mean_blocks(
    searcher: Searcher, rows: Numbers, patients: Numbers
) -> Iterator[tuple[Numbers, Floats]]:
    """The means of patients over rows `(r,)`, whose `patients` are given by their keys `(r,)`:
    their keys `(b,)`, ascending through all blocks, and the means `(b, d)`."""
    order = np.argsort(patients, kind="stable")
    keys, counts = np.unique(patients, return_counts=True)
    ordered = rows[order]
    for some, sums in run_sums(
        patients[order], lambda block: searcher.vectors(ordered[block]), searcher.dim
    ):
        yield some, sums / counts[np.searchsorted(keys, some), None]


def run_sums(
    labels: Numbers, vectors: Callable[[slice], NDArray[np.floating]], dim: int
) -> Iterator[tuple[Numbers, Floats]]:
    """Sums of vectors over each label of `labels` `(r,)`, ascending: labels `(b,)` and `(b, d)`.

    `vectors` gives those of some places: `(m, d)`. Some megabytes are held at a time, however long
    a run is.
    """
    # Imported late: it takes as long as all else that a match imports. `reduceat` would take
    # several times longer to sum float32 in double precision.
    from scipy.sparse import csr_array

    step = _BLOCKS_AT_ONCE * rows_at_once(dim)
    open_label, open_sum = labels[:0], np.zeros((0, dim))
    for start in range(0, len(labels), step):
        some = slice(start, start + step)
        first = np.flatnonzero(np.diff(labels[some], prepend=labels[start] - 1))
        found = labels[start + first]
        count = len(labels[some])
        runs = csr_array(
            (np.ones(count), np.arange(count), np.append(first, count)), (len(first), count)
        )
        sums = runs @ vectors(some)
        if len(open_label) and found[0] == open_label[0]:
            sums[0] += open_sum[0]
        elif len(open_label):
            yield open_label, open_sum
        yield found[:-1], sums[:-1]
        open_label, open_sum = found[-1:], sums[-1:].copy()
    yield open_label, open_sum
