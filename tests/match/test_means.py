"""Rankings by patients' means against the similarities to all photos."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gestalt_space.gallery import means as patient_means
from gestalt_space.gallery.means import mean_blocks
from gestalt_space.gallery.people import People, arrays_of
from gestalt_space.gallery.state import CorrectedPhotos, GalleryState
from gestalt_space.index.exact import exact_similarities
from gestalt_space.index.means import MeansPart
from gestalt_space.index.search import Searcher
from gestalt_space.index.segment import MemorySegment
from gestalt_space.match import means as by_means
from gestalt_space.match import ranked as ranking
from gestalt_space.match.lines import RankedLine
from gestalt_space.match.question import Question
from gestalt_space.match.ranked import rank_probes
from gestalt_space.match.view import GalleryView, OwnFamily
from gestalt_space.ranking.aggregation import Aggregation, measure_centroids
from gestalt_space.ranking.grouping import Numbers, grouping
from gestalt_space.ranking.ranks import rank_groups
from gestalt_space.store.people import By
from gestalt_space.store.reads import StoredSpace
from gestalt_space.store.tail import DatabasePosition, PeopleRows
from gestalt_space.types import Descriptors
from tests import made

BY_MEANS: tuple[Aggregation, ...] = ("patient-mean", "centroid", "blend")


class Scrambled:
    """Identifiers whose order is not that of the keys; of all kinds."""

    def titles(self, keys: Iterable[int]) -> Mapping[int, tuple[str, str]]:
        return {key: (name_of(key), "") for key in keys}

    def patients(self, keys: Iterable[int]) -> Mapping[int, str]:
        return {key: name_of(key) for key in keys}


def name_of(key: int) -> str:
    return f"{key * 7 % 31:02d}"


@dataclass(frozen=True)
class Case:
    """A gallery: rows `(n,)` with their patients, who is in which group, and of which family; what
    of it was sealed, is gone since, and is asked about."""

    vectors: Descriptors
    owners: Numbers
    pairs: Numbers
    families: Numbers
    sealed: int
    gone: Numbers
    stale: bool
    rows: NDArray[np.bool_] | None
    excluded: Numbers
    own: int
    k: int
    probe: Descriptors

    @property
    def family(self) -> OwnFamily:
        if self.own < 0:
            return OwnFamily(np.zeros(0, dtype=np.int64), {})
        return OwnFamily(np.flatnonzero(self.families == self.families[self.own]), {})

    @property
    def there(self) -> NDArray[np.bool_]:
        """Rows that are evidence, but for the family's."""
        there = ~np.isin(np.arange(len(self.owners)), self.gone)
        there &= ~np.isin(self.owners, self.excluded)
        return there if self.rows is None else there & self.rows

    def state(self) -> GalleryState:
        first, last = self._rows(0, self.sealed), self._rows(self.sealed, len(self.owners))
        texts = ("",) * len(self.families)
        people = arrays_of(
            PeopleRows(np.arange(len(self.families)), *(texts,) * 5, self.pairs, self.pairs[::2])
        )
        return GalleryState(
            StoredSpace(1, "m", "f", "{}", self.vectors.shape[1], True),
            DatabasePosition(1, 0, 1, None, None, None),
            cast(Any, (first,)),
            last,
            People((people,)),
            self._means(first),
            gone_ids=self.gone + 10,
            corrected=CorrectedPhotos(*(np.zeros(0, dtype=np.int64),) * 3),
            calibration=None,
        )

    def _rows(self, start: int, stop: int) -> MemorySegment:
        count = stop - start
        return MemorySegment(
            np.arange(start, stop) + 10,
            self.owners[start:stop],
            np.full(count, np.nan),
            np.zeros(count, dtype=np.int64),
            self.vectors[start:stop],
        )

    def _means(self, sealed: MemorySegment) -> list[MeansPart]:
        """Of what was sealed: an older part, which knows nothing of some and something else of
        others, and a newer one."""
        searcher = Searcher(self.vectors.shape[1], [], sealed)
        blocks = list(mean_blocks(searcher, np.arange(len(sealed)), sealed.patients))
        keys = np.concatenate([some for some, _ in blocks])
        means = np.concatenate([some for _, some in blocks]).astype(np.float32)
        newer = np.arange(len(keys)) % 2 == int(self.stale)
        older = MeansPart(np.where(newer, -1, keys), np.where(newer[:, None], 0, means))
        if self.stale:
            older = MeansPart(keys, np.where(newer[:, None], -means[:, ::-1], means))
        return [older, MeansPart(keys[newer], means[newer])]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Small galleries with photos that stand twice, and opposite ones."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    patients, count = draw(st.integers(1, 9)), draw(st.integers(1, 24))
    pool = made.unit(rng, draw(st.integers(1, 12)), draw(st.integers(2, 6)))
    pool = np.concatenate([pool, -pool[:1]])
    vectors = pool[rng.integers(0, len(pool), count)]
    owners = rng.integers(0, patients, count)
    pairs = np.argwhere(rng.random((patients, draw(st.integers(1, 6)))) < 0.4)
    sealed = draw(st.integers(0, count))
    gone = rng.random(count) < draw(st.sampled_from([0, 0.3]))
    chosen = rng.random(count) < draw(st.sampled_from([0.3, 0.8]))
    whole = rng.random(patients)[owners] < 0.6
    return Case(
        vectors=vectors,
        owners=owners,
        pairs=pairs,
        families=rng.integers(0, patients, patients),
        sealed=sealed,
        gone=np.flatnonzero(gone[:sealed]),
        stale=draw(st.booleans()),
        rows=draw(st.sampled_from([None, chosen, whole, whole | chosen])),
        excluded=np.flatnonzero(rng.random(patients) < draw(st.sampled_from([0, 0.2]))),
        own=draw(st.integers(-1, patients - 1)),
        k=draw(st.integers(1, 8)),
        probe=pool[0] if draw(st.booleans()) else made.unit(rng, 1, pool.shape[1])[0],
    )


def expected(case: Case, by: By, how: Aggregation, *, digits: int = 9) -> list[RankedLine]:
    """By the similarities to all photos, in double precision."""
    patients = np.arange(len(case.families))
    pairs = {"disorder": case.pairs, "gene": case.pairs[::2]}.get(
        by, np.stack([patients, patients], axis=1)
    )
    # Numbers of patients and groups are in the order of their names.
    keys = np.array(sorted(range(31), key=name_of))
    number = np.argsort(keys)
    family_numbers = np.zeros(31, dtype=np.int64)
    family_numbers[number[patients]] = case.families
    rows = np.flatnonzero(case.there)
    found = grouping(rows, number[case.owners[rows]], number[pairs], families=family_numbers)
    similarities = exact_similarities(case.probe, case.vectors)
    ranked = rank_groups(
        cast(Any, similarities),
        found,
        len(found.groups),
        how,
        own=-1 if case.own < 0 else int(case.families[case.own]),
        centroids=measure_centroids(cast(Any, case.vectors.astype(np.float64)), found),
    )
    # Sums of the same numbers in another order tie.
    ranked.sort(key=lambda one: (-round(one.score, digits), one.group))
    return [
        RankedLine(
            int(keys[found.groups[one.group]]),
            int(case.owners[one.row]),
            one.row + 10,
            one.score,
            one.similarity,
        )
        for one in ranked[: case.k]
    ]


def ranked(case: Case, by: By, how: Aggregation) -> tuple[RankedLine, ...]:
    state = case.state()
    question = Question(k=case.k, by=by, aggregation=how)
    view = GalleryView(state, question, excluded=case.excluded, rows=case.rows)
    unused: Any = None
    names = cast(Any, Scrambled())
    (found,) = rank_probes(case.probe[None], [case.family], view, names, unused)
    return found.lines


def check(case: Case, by: By, how: Aggregation) -> None:
    lines = ranked(case, by, how)
    true = expected(case, by, how)
    assert [(x.group, x.patient, x.descriptor) for x in lines] == [
        (x.group, x.patient, x.descriptor) for x in true
    ]
    assert [x.score for x in lines] == pytest.approx([x.score for x in true], abs=1e-9)
    assert [x.similarity for x in lines] == [x.similarity for x in true]


@pytest.mark.parametrize("how", BY_MEANS)
@given(case=cases(), by=st.sampled_from(["disorder", "disorder", "gene", "patient"]))
@settings(max_examples=150, deadline=None)
def test_lines_are_those_of_all_similarities(case: Case, by: By, how: Aggregation) -> None:
    check(case, by, how)


@pytest.mark.parametrize("how", BY_MEANS)
@given(
    case=cases(),
    by=st.sampled_from(["disorder", "patient"]),
    first=st.integers(1, 6),
    most=st.sampled_from([0, 3, 1000]),
    few_rows=st.sampled_from([0.0, 1.0]),
)
@settings(max_examples=150, deadline=None)
def test_nothing_depends_on_how_much_is_taken_at_a_time(
    case: Case, by: By, how: Aggregation, first: int, most: int, few_rows: float
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for module, name, value in (
            (ranking, "FIRST", first),
            (ranking, "EACH_LINE", 0),
            (by_means, "MOST_PHOTOS", most),
            (by_means, "MOST_SHARE", 0),
            (by_means, "rows_at_once", lambda _: 2),
            (patient_means, "rows_at_once", lambda _: 1),
            (patient_means, "FEW_ROWS", few_rows),
        ):
            patch.setattr(module, name, value)
        check(case, by, how)


def test_photos_that_cancel_each_other_leave_a_centroid_that_is_as_near_as_any() -> None:
    rng = np.random.default_rng(16)
    face = np.array([0.09916724, -0.7573038, -0.03307531, 0.13270342, -0.6308349], np.float32)
    signs = np.array([1, 1, 1, -1, -1, -1, 1, -1, 1], dtype=np.float32)
    for order in range(20):
        mixed = np.concatenate([rng.permutation(signs[:6]), signs[6:]])
        vectors = face * mixed[:, None]
        case = Case(
            vectors,
            owners=np.array([0, 0, 0, 0, 0, 0, 1, 1, 2]),
            pairs=np.zeros((0, 2), dtype=np.int64),
            families=np.arange(3),
            sealed=order % 9,
            gone=np.zeros(0, dtype=np.int64),
            stale=False,
            rows=None,
            excluded=np.zeros(0, dtype=np.int64),
            own=-1,
            k=3,
            probe=face,
        )
        check(case, "patient", "centroid")


def test_groups_closer_than_products_err_are_told_apart() -> None:
    """Two patients whose means differ by less than a float32 product errs."""
    rng = np.random.default_rng(3)
    probe = made.unit(rng, 1, 64)[0]
    base = made.unit(rng, 1, 64)[0]
    vectors = np.repeat(base[None], 40, axis=0)
    for row in range(1, 40):
        vectors[row, row] = np.nextafter(vectors[row, row], np.float32(row % 2), dtype=np.float32)
    number = np.arange(40)
    for k in (1, 3, 12):
        case = Case(
            vectors,
            owners=number % 20,
            pairs=np.stack([number[:20], number[:20]], axis=1),
            families=number[:20],
            sealed=40,
            gone=number[:0],
            stale=False,
            rows=None,
            excluded=number[:0],
            own=-1,
            k=k,
            probe=probe,
        )
        true = expected(case, "disorder", "patient-mean", digits=12)
        lines = ranked(case, "disorder", "patient-mean")
        assert [x.score for x in lines] == pytest.approx([x.score for x in true], abs=1e-11)
        products = case.state().means.products(probe)
        order = np.argsort(-products, kind="stable")[:k]
        assert k == 1 or order.tolist() != [x.group for x in true]


@pytest.mark.parametrize("how", BY_MEANS)
@pytest.mark.parametrize("chosen", [False, True])
def test_the_vectors_are_never_copied(
    how: Aggregation, chosen: bool, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(by_means, "rows_at_once", lambda _: 1000)
    monkeypatch.setattr(patient_means, "rows_at_once", lambda _: 1000)
    count, patients = 60_000, np.arange(3000)
    vectors = rng.normal(size=(count, 128)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    case = Case(
        vectors,
        owners=rng.integers(0, len(patients), count),
        pairs=np.stack([patients, patients % 300], axis=1),
        families=patients,
        sealed=count - 100,
        gone=patients[:3],
        stale=False,
        rows=rng.random(count) < 0.5 if chosen else None,
        excluded=patients[:1],
        own=-1,
        k=10,
        probe=vectors[5],
    )
    state = case.state()
    view = GalleryView(state, Question(aggregation=how), excluded=case.excluded, rows=case.rows)
    unused: Any = None
    tracemalloc.start()
    try:
        rank_probes(case.probe[None], [case.family], view, cast(Any, Scrambled()), unused)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < vectors.nbytes / 3
