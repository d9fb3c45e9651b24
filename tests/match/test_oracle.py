"""Matches of random galleries, by every aggregation and filter, beside the plain oracle.

A gallery has a history, and is asked at some of its moments. A study of more histories than go
with the other tests: `ORACLE_EXAMPLES=3400 ORACLE_SEED=15 python -m pytest -s` and this file.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from gestalt_space.errors import GalleryEmpty, GestaltError, NotInGallery, UsageError
from gestalt_space.gallery import sealing
from gestalt_space.gallery.intake.disorders import parse_disorder
from gestalt_space.gallery.state import GalleryState
from gestalt_space.index import coded, search
from gestalt_space.match import means, ranked
from gestalt_space.match.answer import Match
from gestalt_space.match.filters import KEYS, parse_filter
from gestalt_space.match.full_ranking import FullRanking
from gestalt_space.match.probe import Probe, ProbePhoto, stored_probe
from gestalt_space.match.probe_matches import match_probes
from gestalt_space.match.question import Question
from gestalt_space.match.view import open_view
from gestalt_space.ranking.aggregation import AGGREGATIONS, EVERY_AGGREGATION
from gestalt_space.store.engine import Database
from gestalt_space.store.lookups import find_patient
from gestalt_space.store.reads import OwnPatient
from gestalt_space.store.writes import add_space
from tests.databases import address_of, empty_tables, file_of
from tests.match import histories as h
from tests.match import oracle
from tests.match.oracle import Answer, Books, Line, OracleQuestion

pytestmark = pytest.mark.lengthy

EXAMPLES = int(os.environ.get("ORACLE_EXAMPLES", "60"))
"""Histories; about three galleries each are asked."""
STUDY = 1000
CLOSE = 1e-6
"""How far scores and similarities may lie from the oracle's."""
SAME = 1e-9
"""Lines whose scores differ by less may change places: sums of the same numbers in another order.
Never those of the nearest photo, where one picture stands behind both."""

AMONG: dict[str, tuple[str | None, ...]] = {
    "sex": h.SEXES,
    "ancestry": (*h.ANCESTRIES, "east asian", "Martian"),
    "cohort": (*h.COHORTS, "BÊTA"),
    "consent": h.CONSENTS,
    "family": (*dict.fromkeys(h.FAMILIES), "F9"),
    "site": (*h.SITES, "taipei"),
    "disorder": (None, *h.DISORDERS, "OMIM:999999"),
}
UNKNOWN = ("unknown", "UNKNOWN", "n/a", "-")
MONTHS_18 = 1.5
AGES: dict[str, tuple[tuple[float, float] | None, bool]] = {
    "0-5y": ((0, 5), False),
    "-1y": ((0, 1), False),
    "4-5": ((4, 5), False),
    "18m-10y;unknown": ((MONTHS_18, 10), True),
    "4y-": ((4, np.inf), False),
    "unknown": (None, True),
    "1-1": ((1, 1), False),
}


@dataclass(frozen=True)
class Knobs:
    """What makes so small galleries take the ways of large ones."""

    plain: int
    integers: bool
    first: int
    each: int
    few_probes: int
    fewest: int
    most_share: float
    sealed_from: int
    segment: int
    segments: int

    def turn(self, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(search, "PLAIN_NUMBERS", self.plain)
        if not self.integers:
            patch.setattr(search, "integer_product", lambda _: None)
        patch.setattr(coded, "_NUMBERS", self.segment)
        patch.setattr(coded, "_FEWEST", 1)
        patch.setattr(search, "FEW_PROBES", self.few_probes)
        for first, each in (("FIRST", "EACH_LINE"), ("FIRST_OF_MANY", "EACH_LINE_OF_MANY")):
            patch.setattr(ranked, first, self.first)
            patch.setattr(ranked, each, self.each)
        patch.setattr(ranked, "FEWEST", self.fewest)
        patch.setattr(ranked, "MOST_SHARE", self.most_share)
        patch.setattr(means, "MOST_PHOTOS", self.fewest)
        patch.setattr(means, "MOST_SHARE", self.most_share)
        patch.setattr(sealing, "SEALED_FROM", self.sealed_from)
        patch.setattr(sealing, "SEGMENT_NUMBERS", 1)
        patch.setattr(sealing, "FEWEST_ROWS", self.segment)
        patch.setattr(sealing, "MOST_SEGMENTS", self.segments)


KNOBS = st.builds(
    Knobs,
    plain=st.sampled_from([0, 0, 10**9]),
    integers=st.booleans(),
    first=st.sampled_from([1, 1, 2, 6, 250]),
    each=st.sampled_from([0, 0, 0, 1, 12]),
    few_probes=st.sampled_from([1, 48]),
    fewest=st.sampled_from([4096, 12, 0]),
    most_share=st.sampled_from([0.0, 0.4, 2.0]),
    sealed_from=st.sampled_from([1, 1, 1, 5, 256]),
    segment=st.sampled_from([3, 10, 1024]),
    segments=st.sampled_from([1, 3, 64]),
)


VALUES = {
    key: st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True)
    for key, values in AMONG.items()
}
FILTERS = st.just([]) | st.lists(st.sampled_from(KEYS), min_size=1, max_size=3, unique=True)
RANGES = st.sampled_from(list(AGES.items()))
SPELLINGS = st.sampled_from(UNKNOWN)
ASKED = st.fixed_dictionaries(
    {
        "aggregation": st.sampled_from(EVERY_AGGREGATION),
        "by": st.sampled_from(["disorder", "disorder", "gene", "patient"]),
        "k": st.integers(1, 6) | st.integers(1, 50),
        "without": st.just([]) | st.lists(st.sampled_from(h.NAMES[:8]), max_size=2),
        "family": st.sampled_from([None] * 8 + ["F1", "f1", "F2", "F3", "F9"]),
        "with_family": st.booleans(),
        "told": st.none()
        | st.tuples(
            st.sampled_from(h.SEXES),
            st.sampled_from(h.AGES),
            st.sampled_from(["european", "East Asian", None]),
        ),
    }
)
PROBES = st.lists(st.integers(0, 2**12), min_size=1, max_size=3).map(tuple)
MOMENTS = st.integers(0, 100)
Timed = tuple[int, OracleQuestion, tuple[str, ...], tuple[int, ...]]
"""When a question is asked, itself, its filters as texts, and numbers that stand for probes."""


@st.composite
def questions(
    draw: st.DrawFn,
    filters: st.SearchStrategy[list[str]] = FILTERS,
    parts: st.SearchStrategy[dict[str, Any]] = ASKED,
) -> Timed:
    texts, among, ages = [], {}, None
    for key in draw(filters):
        if key == "age":
            text, ages = draw(RANGES)
        else:
            among[key] = tuple(draw(VALUES[key]))
            unknown = draw(SPELLINGS)
            text = " ; ".join(unknown if value is None else value for value in among[key])
        texts.append(f"{key}={text}")
    told = draw(parts)
    sex, age, ancestry = told.pop("told", None) or (None, None, None)
    if told["aggregation"] == "calibrated" and told["k"] % 8:  # for disorders alone
        told["by"] = "disorder"
    told["with_family"] = told.get("with_family", False) and told.get("family") is None
    told["without"] = tuple(told.get("without", ()))
    asked = OracleQuestion(**told, among=among, ages=ages, sex=sex, age=age, ancestry=ancestry)
    return draw(MOMENTS), asked, tuple(texts), draw(PROBES)


QUESTIONS = st.lists(questions(), min_size=2, max_size=8)
FILTERED = st.lists(
    questions(
        st.lists(st.sampled_from(KEYS), min_size=1, max_size=1),
        st.fixed_dictionaries(
            {
                "aggregation": st.sampled_from(AGGREGATIONS),
                "k": st.just(50),
                "by": st.just("patient"),
            }
        ),
    ),
    min_size=8,
    max_size=16,
)
BY_MEANS = st.lists(
    questions(
        st.just([]) | st.just(["site"]),
        st.fixed_dictionaries(
            {
                "aggregation": st.sampled_from(["patient-mean", "centroid", "blend"]),
                "k": st.integers(1, 3),
                "by": st.sampled_from(["patient", "disorder"]),
            }
        ),
    ),
    min_size=4,
    max_size=8,
)
CALIBRATED = st.lists(
    questions(
        st.just([]),
        st.fixed_dictionaries({"aggregation": st.just("calibrated"), "k": st.integers(1, 4)}),
    ),
    min_size=4,
    max_size=8,
)


@dataclass
class Place:
    """Where galleries are made, one after the other: a database, and a folder for its indexes."""

    database: Database
    empty: sqlite3.Connection
    folder: Path
    made: int = 0

    def world(self, dim: int) -> h.World:
        """An empty gallery."""
        if self.database.is_sqlite:
            self._empty_file(dim)
        else:
            empty_tables(self.database)
            add_spaces(self.database, dim)
        shutil.rmtree(self.folder / str(self.made), ignore_errors=True)
        self.made += 1
        return h.World(self.database, self.folder / str(self.made), dim)

    def _empty_file(self, dim: int) -> None:
        with sqlite3.connect(str(self.database.engine.url.database)) as target:
            self.empty.backup(target)
            target.execute("UPDATE space SET dim = ?", (dim,))
        target.close()


def add_spaces(database: Database, dim: int) -> None:
    with database.writing() as session:
        for one in "ab":
            add_space(session, model=one, fingerprint=one * 64, specification="{}", dim=dim)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("oracle")
    database = Database(address_of(folder))
    empty = sqlite3.connect(":memory:")
    if database.is_sqlite:
        add_spaces(database, 1)
        database.close()
        with closing(sqlite3.connect(file_of(folder))) as source:
            source.backup(empty)
        sa.event.listen(database.engine, "connect", _not_durable)
    yield Place(database, empty, folder)
    database.close()
    empty.close()


def _not_durable(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA synchronous = off")


SEEN: Counter[str] = Counter()
"""What the galleries were asked, and the ways that answers came by."""


def _study(examples: int) -> Any:
    """A test over so many histories."""

    def made(test: Any) -> Any:
        test = settings(
            max_examples=examples,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            derandomize="ORACLE_SEED" not in os.environ,
            suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
        )(test)
        return seed(int(os.environ["ORACLE_SEED"]))(test) if "ORACLE_SEED" in os.environ else test

    return made


@_study(EXAMPLES)
@given(history=h.HISTORIES, knobs=KNOBS, asked=QUESTIONS)
def _every_answer(place: Place, history: h.History, knobs: Knobs, asked: list[Timed]) -> None:
    _play(place, history, knobs, asked)


def test_every_answer_is_the_oracles_and_everything_was_asked(place: Place) -> None:
    SEEN.clear()
    _every_answer(place)
    print(f"\n{dict(sorted(SEEN.items()))}")  # noqa: T201 - the study's figures
    wanted = [*EVERY_AGGREGATION, "disorders", "genes", "patients", "gathered", "means"]
    if EXAMPLES >= STUDY:  # fewer may leave something out by chance
        wanted += [
            *KEYS,
            *("stored probes", "several probes", "family", "without", "nothing left"),
            *("ties", "composition", "relatives"),
            *("product", "products of many", "widened", "whole", "blends by all photos", "codes"),
            *("segments and a tail", "several people parts", "gone rows", "dead rows"),
        ]
        wanted += ["products of integers"] if search.integer_product(2) else []
    assert [what for what in wanted if not SEEN[what]] == []
    assert SEEN["galleries"] >= EXAMPLES


@_study(EXAMPLES // 4)
@given(history=h.CORRECTED, knobs=KNOBS, asked=FILTERED)
def test_filters_see_corrections_that_no_index_knows(
    place: Place, history: h.History, knobs: Knobs, asked: list[Timed]
) -> None:
    _play(place, history, replace(knobs, sealed_from=256), asked)


@_study(EXAMPLES // 4)
@given(history=h.GROWN, knobs=KNOBS, asked=BY_MEANS)
def test_means_follow_the_photos_of_patients_who_are_known(
    place: Place, history: h.History, knobs: Knobs, asked: list[Timed]
) -> None:
    _play(place, history, replace(knobs, sealed_from=1), asked)


@_study(EXAMPLES // 4)
@given(history=h.CALIBRATED, knobs=KNOBS, asked=CALIBRATED)
def test_a_rare_disorder_farther_away_may_rank_first_by_calibrated_evidence(
    place: Place, history: h.History, knobs: Knobs, asked: list[Timed]
) -> None:
    knobs = replace(knobs, first=2 + knobs.segments % 5, each=1, fewest=4096)
    _play(place, history, knobs, asked)


def _play(place: Place, history: h.History, knobs: Knobs, asked: list[Timed]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        knobs.turn(patch)
        _watch(patch)
        SEEN["histories"] += 1
        world = place.world(history.dim)
        # Each question is asked of the gallery of some moment.
        moments = len(history.events) + 1
        for moment in world.play(history):
            now = [rest for when, *rest in asked if when % moments == moment]
            if now:
                _ask(world, now)


def _ask(world: h.World, asked: Sequence[Sequence[Any]]) -> None:
    state = world.state()
    assert state.photos == sum(p.vector is not None for p in world.books.photos.values())
    SEEN["galleries"] += 1
    SEEN["segments and a tail"] += len(state.searcher.parts) > len(state.searcher.segments) > 0
    SEEN["several people parts"] += len(state.people.parts) > 1
    SEEN["gone rows"] += len(state.gone) > 0
    SEEN["dead rows"] += any(part.kept is not None for part in state.searcher.parts)
    with world.database.reading() as session:
        for question, texts, probes in asked:
            _check(world, state, session, question, texts, probes)


def _watch(patch: pytest.MonkeyPatch) -> None:
    """Count the ways that answers come by."""
    for owner, name, what in (
        (FullRanking, "rank", "whole"),
        (search.Searcher, "_by_gathering", "gathered"),
        (search.Searcher, "_by_product", "product"),
        (search, "nearest_by_codes", "products of integers"),
        (search.Searcher, "_by_faiss", "codes"),
        (search, "nearest_of_many", "products of many"),
        (ranked, "contenders_by_means", "means"),
        (means, "_all_photos", "blends by all photos"),
    ):
        patch.setattr(owner, name, _counted(getattr(owner, name), what))
    rank, nearest_of = ranked._ranked, GalleryState.nearest_of
    looks: list[int] = []

    def ranked_all(*some: Any) -> Any:
        looks.clear()
        found = rank(*some)
        SEEN["widened"] += len(looks) > 1
        return found

    def looked(*some: Any) -> Any:
        looks.append(1)
        return nearest_of(*some)

    patch.setattr(ranked, "_ranked", ranked_all)
    patch.setattr(GalleryState, "nearest_of", looked)


def _counted(work: Any, what: str) -> Any:
    def counted(*some: Any, **more: Any) -> Any:
        SEEN[what] += 1
        return work(*some, **more)

    return counted


def _check(
    world: h.World,
    state: GalleryState,
    session: Session,
    asked: OracleQuestion,
    texts: tuple[str, ...],
    numbers: tuple[int, ...],
) -> None:
    question = Question(
        k=asked.k,
        by=asked.by,
        aggregation=asked.aggregation,
        among=parse_filter(texts),
        without=asked.without,
        family=asked.family,
        with_family=asked.with_family,
        sex=asked.sex,
        age=asked.age,
        ancestry=asked.ancestry,
    )
    probes = [
        probe for number in numbers if (probe := _probe(world, state, session, number)) is not None
    ]
    refused = _refusal(world.books, asked)
    if refused is not None:
        SEEN["nothing left"] += refused is GalleryEmpty
        with pytest.raises(refused):
            match_probes(probes, open_view(state, question, session), session)
        return
    view = open_view(state, question, session)
    found = match_probes(probes, view, session, with_copies=False)
    assert len(found) == len(probes)
    for probe, match in zip(probes, found, strict=True):
        assert probe.descriptor is not None
        own = None if probe.own is None else probe.own.identifier
        expected = oracle.answer(world.books, asked, probe.descriptor, own)
        _compare(match, expected, asked, world.books, own)
    SEEN["several probes"] += len(probes) > 1
    for key in (*asked.among, *(["age"] if asked.ages is not None else [])):
        SEEN[key] += len(probes)
    for what, is_asked in (("family", asked.family), ("without", asked.without)):
        SEEN[what] += bool(is_asked)


def _refusal(books: Books, asked: OracleQuestion) -> type[GestaltError] | None:
    """Why a question has no answer."""
    if any(name not in books.patients for name in asked.without):
        return NotInGallery
    everybody = OracleQuestion(by=asked.by)
    if not oracle.evidence(books, everybody, asked.without):
        return GalleryEmpty
    if not oracle.evidence(books, asked, asked.without):
        return GalleryEmpty
    if asked.family is not None:
        members = [name for name, one in books.patients.items() if one.family == asked.family]
        if not members:
            return NotInGallery
        if not oracle.evidence(books, asked, [*members, *asked.without]):
            return GalleryEmpty
    if asked.aggregation == "calibrated" and (asked.by != "disorder" or books.curves is None):
        return UsageError
    return None


def _probe(world: h.World, state: GalleryState, session: Session, number: int) -> Probe | None:
    """A new photo, one that shows what a stored photo does, a stored photo, or a patient."""
    number, kind = divmod(number, 4)
    stored = [photo for photo in world.books.photos.values() if photo.vector is not None]
    if kind < 2 or not stored:
        vector = h.vector(world.dim, number % h.KNOWN if kind else h.KNOWN + number)
        return Probe("new", (ProbePhoto("new"),), vector, None)
    SEEN["stored probes"] += 1
    photo = stored[number % len(stored)]
    if kind == 2:
        own = OwnPatient(
            find_patient(session, photo.patient) or -1,
            photo.patient,
            world.books.patients[photo.patient].family,
        )
        return Probe(photo.name, (ProbePhoto(photo.name),), photo.vector, own)
    mean = np.mean([p.vector for p in world.books.of(photo.patient)], axis=0, dtype=np.float64)
    length = np.linalg.norm(mean)
    if length < 1e-5:
        with pytest.raises(UsageError, match="cancel each other out"):
            stored_probe(session, state, photo.patient)
        return None
    probe = stored_probe(session, state, photo.patient)
    assert probe.descriptor is not None
    assert np.abs(probe.descriptor - mean / length).max() < CLOSE
    return probe


def _compare(
    match: Match, expected: Answer, asked: OracleQuestion, books: Books, own: str | None
) -> None:
    assert match.left_out == own
    assert match.relatives == expected.relatives
    assert match.eligible is not None
    assert (
        match.eligible.lines,
        match.eligible.patients,
        match.eligible.photos,
    ) == expected.eligible
    assert len(match.lines) == min(asked.k, len(expected.lines))
    by_id = {line.id: line for line in expected.lines}
    for place, (line, first) in enumerate(zip(match.lines, expected.lines, strict=False)):
        mine = by_id[line.id]
        assert line.rank == place + 1
        if mine is not first:
            _check_swapped(mine, first, asked)
        SEEN["ties"] += place > 0 and expected.lines[place - 1].score == first.score
        assert abs(line.score - mine.score) < CLOSE
        assert abs(line.similarity - min(1, max(-1, mine.similarity))) < CLOSE
        assert (line.patients, line.photos) == (mine.patients, mine.photos)
        if (line.patient, line.photo) != (mine.photo.patient, mine.photo.name):
            other = expected.similarities[str(line.photo)]
            assert books.photos[str(line.photo)].patient == line.patient
            assert 0 < mine.similarity - other < 1e-12
        assert (line.percentile is None) == (mine.percentile is None)
        if mine.percentile is not None:
            assert abs(line.percentile - mine.percentile) < 1e-3
    assert len({line.id for line in match.lines}) == len(match.lines)
    shown = [books.photos[str(line.photo)] for line in match.lines]
    told = [
        (s.attribute, s.value, s.neighbours, s.neighbours_known, s.eligible, s.eligible_known)
        for s in match.composition
    ]
    assert told == oracle.composition(books, asked, own, shown)
    SEEN[asked.aggregation] += len(match.lines)
    SEEN[f"{asked.by}s"] += len(match.lines)
    SEEN["lines"] += len(match.lines)
    SEEN["probes"] += 1
    SEEN["composition"] += len(told)
    SEEN["relatives"] += len(match.relatives)


def _check_swapped(mine: Line, first: Line, asked: OracleQuestion) -> None:
    """Two lines may change places where nobody can tell their scores apart."""
    assert abs(mine.score - first.score) < SAME, "the order is another"
    if asked.aggregation == "nearest":
        assert mine.photo.vector is not None
        assert first.photo.vector is not None
        assert mine.photo.vector.tobytes() != first.photo.vector.tobytes(), "ties by identifier"


def test_the_names_of_the_histories_are_spelt_as_they_are_stored() -> None:
    assert [parse_disorder(name) for name in h.DISORDERS] == list(h.DISORDERS)
