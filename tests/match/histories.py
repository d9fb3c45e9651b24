"""Random histories of a gallery: photos added, told anew, filled and removed by the store's own
writes, indexes sealed in between; and the oracle's books, which are kept beside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from hypothesis import strategies as st

from gestalt_space.faces.alignment import TEMPLATE
from gestalt_space.gallery.keeper import Keeper
from gestalt_space.gallery.reader import Reader
from gestalt_space.gallery.sealing import Sealer
from gestalt_space.gallery.state import GalleryState
from gestalt_space.ranking.calibration import Calibration, SizeCurve
from gestalt_space.store import reads, removals, writes
from gestalt_space.store import tables as t
from gestalt_space.store.calibrations import StoredCalibration, save_calibration
from gestalt_space.store.engine import Database
from gestalt_space.store.writes import EncodedFace, NewPhoto
from gestalt_space.types import Disorder, Face, PhotoRecord, Quality
from tests.match.oracle import SHARES, Books, Curves, Patient, Photo

SEXES = (None, "female", "male", "other")
ANCESTRIES = (None, "European", "EUROPEAN", "East Asian")
COHORTS = (None, "Alpha", "alpha", "Bêta")
CONSENTS = (None, "research", "Research", "none given")
FAMILIES = (None, "F1", "f1", "F2", None, "F3", None, None)
SITES = (None, "Bonn", "BONN", "Taipei")
DAY = 1 / 365.25
AGES = (None, 0.0, 0.49, 1.0, 1 + 0.4 * DAY, 4 - 0.4 * DAY, 4 - 0.9 * DAY, 5.0, 5 + 0.9 * DAY, 40.0)
DISORDERS = ("OMIM:300002", "OMIM:100001", "Zeta", "alpha", "ORPHA:199", "MONDO:0007387")
GENES = ("ZIC1", "ARID1B", "abc1", "KMT2D")
SUBSETS = ((), (0,), (1,), (2,), (3,), (4,), (5,), (0, 1), (1, 3), (0, 2, 4), (0, 1, 2, 3))
FACTS = {"sex": SEXES, "ancestry": ANCESTRIES, "cohort": COHORTS, "consent": CONSENTS}
PHOTO_FACTS = {"age": AGES, "site": SITES}
VECTORS = 24
KNOWN = 8 * VECTORS
"""Vectors that photos have; beyond are others."""
NAMES = tuple(f"{'pPäQ'[n % 4]}{(37 * n) % 101}" for n in range(80))
"""Of patients: not in the order in which they come."""


@dataclass(frozen=True)
class Draft:
    """A patient to be added; `facts` and `photos` are numbers that stand for what is told."""

    facts: int
    disorders: tuple[int, ...]
    genes: tuple[int, ...]
    photos: tuple[int, ...]


Event = tuple[str, int, int] | tuple[str, Draft]


@dataclass(frozen=True)
class History:
    """`dim` of descriptors; who is there first, and whether an index is made of them; what happens
    then; the calibration, if any."""

    dim: int
    patients: tuple[Draft, ...]
    sealed: bool
    events: tuple[Event, ...]
    curves: int | None


_DRAFTS = st.builds(
    Draft,
    facts=st.integers(0, 4**4 * len(FAMILIES) - 1),
    disorders=st.sampled_from(SUBSETS),
    genes=st.sampled_from([s for s in SUBSETS if all(g < len(GENES) for g in s)]),
    photos=st.lists(st.integers(0, 2**14 - 1), max_size=4).map(tuple),
)
_KINDS = ("photo", "fill", "replace", "reface")
_TELL = st.tuples(st.just("tell"), st.integers(0, 200), st.integers(0, 2**23))
_EVENTS = st.one_of(
    _TELL,
    st.tuples(st.sampled_from(_KINDS), st.integers(0, 200), st.integers(0, 2**23)),
    st.tuples(st.sampled_from(["remove patient", "remove photo"]), st.integers(0, 200), st.just(0)),
    st.tuples(st.just("new"), _DRAFTS),
    st.tuples(
        st.sampled_from(["seal", "seal", "seal", "purge", "rebuild", "read"]),
        st.just(0),
        st.just(0),
    ),
)


_COUNTS = st.integers(1, 6) | st.integers(1, 40)


@st.composite
def _patients(draw: st.DrawFn, counts: st.SearchStrategy[int] = _COUNTS) -> tuple[Draft, ...]:
    return tuple(draw(_DRAFTS) for _ in range(draw(counts)))


HISTORIES = st.builds(
    History,
    dim=st.integers(2, 24),
    patients=_patients(),
    sealed=st.sampled_from([False, True, True]),
    events=st.lists(_EVENTS, min_size=1, max_size=8).map(tuple),
    curves=st.sampled_from([0, 1, 2, None]),
)
CORRECTED = st.builds(
    History,
    dim=st.just(4),
    patients=_patients(),
    sealed=st.just(True),
    events=st.lists(_TELL, min_size=1, max_size=4).map(tuple),
    curves=st.none(),
)
"""An index that knows nothing of corrections."""
_GROWTH = st.tuples(
    st.sampled_from(["photo", "photo", "replace", "remove photo"]),
    st.integers(0, 200),
    st.integers(0, 2**14),
)
GROWN = st.builds(
    History,
    dim=st.integers(3, 12),
    patients=_patients(st.integers(6, 20)),
    sealed=st.just(True),
    events=st.lists(_GROWTH, min_size=1, max_size=4).map(
        lambda events: tuple(one for event in events for one in (event, ("seal", 0, 0)))
    ),
    curves=st.none(),
)
"""An index that has followed changes of patients it knows."""
CALIBRATED = st.builds(
    History,
    dim=st.integers(3, 12),
    patients=_patients(st.integers(10, 30)),
    sealed=st.booleans(),
    events=st.just(()),
    curves=st.sampled_from([1, 2]),
)


@cache
def vector(dim: int, number: int) -> np.ndarray:
    """A unit vector `(d,)` float32: the numbers below `KNOWN` stand for few directions, each as it
    is, moved by less than single precision tells, or turned round; half of all are near one
    another."""
    twist = 0
    if number < KNOWN:
        twist, number = divmod(number, VECTORS)
    rng = np.random.default_rng([dim, number])
    direction = rng.standard_normal(dim)
    if number % 2:
        direction = 0.4 * direction + np.sqrt(dim) * np.eye(dim)[0]
    direction /= np.linalg.norm(direction)
    if twist == 1:
        direction += 3e-7 * rng.standard_normal(dim)
    elif twist == 2:
        direction = -direction
    return (direction / np.linalg.norm(direction)).astype(np.float32)


def curves_of(number: int) -> Curves:
    """One size, several, and some whose spread falls steeply."""
    sizes = ((1,), (1, 3, 8), (1, 2))[number]
    found = []
    for place, _ in enumerate(sizes):
        width = (0.2, 0.25, 0.2)[number] / (1 + (0.2, 0.2, 3.0)[number] * place)
        curve = 0.1 + 0.15 * place - width * np.log10(SHARES + 0.01)
        found.append(np.round(np.clip(curve, -1, 1), 6))
    return Curves(sizes, tuple(found), (0.0, 0.5, 1.0)[number])


class World:
    """A gallery in a database with two spaces, its index in a folder, and the books that say what
    it holds in the first space, of descriptors of length `dim`."""

    def __init__(self, database: Database, folder: Path, dim: int) -> None:
        self.database, self.folder, self.dim = database, folder, dim
        self.books = Books()
        self._places: dict[str, int] = {}
        with database.reading() as session:
            self.space, self._other = reads.spaces(session)
        self._reader = Reader(database, folder)
        self._sealer = Sealer(database, self.space, folder, 5)
        self._photos = 0
        self._people = 0

    def play(self, history: History) -> Iterator[int]:
        """Let it happen; stops, with its place, at the beginning and after each event."""
        self._store([photo for draft in history.patients for photo in self._drafted(draft)])
        if history.curves is not None:
            self._calibrate(history.curves)
        if history.sealed:
            self._sealer.follow()
        yield 0
        for place, (kind, *rest) in enumerate(history.events, start=1):
            if kind == "new":
                self._store(list(self._drafted(rest[0])))
            elif kind in ("seal", "rebuild"):
                self._sealer.follow(rebuild=kind == "rebuild")
            elif kind == "purge":
                Keeper(self.database, self.folder, self.folder / "kept", 5).purge()
            elif kind == "read":
                self.state()
            else:
                getattr(self, "_" + kind.replace(" ", "_"))(*rest)
            yield place

    def state(self) -> GalleryState:
        """The newest; the books know the keys of its descriptors then."""
        with self.database.reading() as session:
            query = (
                sa.select(t.Photo.name, t.Descriptor.id)
                .join(t.Face, t.Face.photo_id == t.Photo.id)
                .join(t.Descriptor, t.Descriptor.face_id == t.Face.id)
                .where(t.Descriptor.space_id == self.space.id)
            )
            keys = dict(session.execute(query).all())
        for photo in self.books.photos.values():
            assert (photo.name in keys) == (photo.vector is not None)
            photo.key = keys.get(photo.name, -1)
        return self._reader.current(self.space)

    def _drafted(self, draft: Draft) -> Iterator[tuple[Photo, PhotoRecord]]:
        """A patient's photos; who has none in the space has one in another."""
        name = NAMES[self._people]
        self._people += 1
        facts, rest = {}, draft.facts
        for fact, values in (*FACTS.items(), ("family", FAMILIES)):
            facts[fact] = values[rest % len(values)]
            rest //= len(values)
        codes = tuple(DISORDERS[place] for place in draft.disorders)
        genes = tuple(GENES[place] for place in draft.genes)
        self.books.patients[name] = Patient(
            **facts, disorders=frozenset(codes), genes=frozenset(genes)
        )
        told = dict(disorders=tuple(map(Disorder, codes)), genes=genes, **facts)
        for number in draft.photos or (None,):
            yield self._photo_of(name, number, **told)

    def _photo_of(
        self, patient: str, number: int | None, **told: object
    ) -> tuple[Photo, PhotoRecord]:
        name = f"{self._photos}.png"
        self._photos += 1
        photo = Photo(name, patient, None if number is None else vector(self.dim, number % KNOWN))
        if number is not None:
            number //= KNOWN
            photo.age, photo.site = AGES[number % len(AGES)], SITES[number // len(AGES) % 4]
        self._places[name] = 0
        self.books.photos[name] = photo
        return photo, PhotoRecord(name, patient, age=photo.age, site=photo.site, **told)

    def _store(self, photos: Sequence[tuple[Photo, PhotoRecord]]) -> None:
        here = [
            new_photo(record, photo.vector) for photo, record in photos if photo.vector is not None
        ]
        there = [
            new_photo(record, vector(self.dim, 0))
            for photo, record in photos
            if photo.vector is None
        ]
        with self.database.writing() as session:
            for batch, space in ((here, self.space), (there, self._other)):
                stored = writes.add_photos(session, batch, space_id=space.id) if batch else []
                assert not any(one.error for one in stored)

    def _calibrate(self, number: int) -> None:
        self.books.curves = curves = curves_of(number)
        none = np.zeros(0)
        document = Calibration(
            curves=tuple(
                SizeCurve(size, 1, similarities, none, none, none)
                for size, similarities in zip(curves.sizes, curves.similarities, strict=True)
            ),
            best_other=none,
            photo_correlation=curves.correlation,
            patients=1,
            companions=1,
            disorders=1,
            seed=0,
        ).to_json()
        with self.database.writing() as session:
            assert save_calibration(session, self.space, StoredCalibration(document, 0, 0, 0))

    def _some_photo(self, number: int, *, described: bool | None = None) -> Photo | None:
        found = [
            photo
            for photo in self.books.photos.values()
            if described is None or (photo.vector is not None) == described
        ]
        return found[number % len(found)] if found else None

    def _tell(self, place: int, number: int) -> None:
        """A photo's row comes again with other facts, which take the place of what is there; some
        are emptied."""
        photo = self._some_photo(place)
        if photo is None:
            return
        patient = self.books.patients[photo.patient]
        told: dict[str, object] = {}
        emptied = []
        for fact, values in (*FACTS.items(), ("family", FAMILIES), *PHOTO_FACTS.items()):
            number, bit = divmod(number, 2)
            if not bit:
                continue
            of = photo if fact in PHOTO_FACTS else patient
            value = values[number % len(values)]
            setattr(of, fact, value)
            told[fact] = value
            emptied += [fact] if value is None else []
        for fact, column, values in (
            ("disorders", "disorder", DISORDERS),
            ("genes", "genes", GENES),
        ):
            number, bit = divmod(number, 2)
            if not bit:
                continue
            subset = SUBSETS[number % len(SUBSETS)]
            names = tuple(values[one] for one in subset if one < len(values))
            setattr(patient, fact, frozenset(names))
            told[fact] = names if fact == "genes" else tuple(map(Disorder, names))
            emptied += [] if names else [column]
        record = PhotoRecord(photo.name, photo.patient, emptied=tuple(emptied), **told)
        self._update(new_photo(record, None))

    def _update(self, photo: NewPhoto) -> None:
        with self.database.writing() as session:
            (stored,) = writes.add_photos(session, [photo], space_id=self.space.id, update=True)
        assert stored.error is None

    def _photo(self, place: int, number: int) -> None:
        """A new photo of somebody."""
        names = list(self.books.patients)
        if names:
            self._store([self._photo_of(names[place % len(names)], number % 2**14)])

    def _fill(self, place: int, number: int) -> None:
        self._put(self._some_photo(place, described=False), number)

    def _replace(self, place: int, number: int) -> None:
        self._put(self._some_photo(place, described=True), number)

    def _put(self, photo: Photo | None, number: int) -> None:
        """A descriptor for a face that is there."""
        if photo is None:
            return
        photo.vector = vector(self.dim, number % KNOWN)
        with self.database.writing() as session:
            query = sa.select(t.Face.id).join(t.Photo).where(t.Photo.name == photo.name)
            face = session.scalars(query).one()
            writes.put_descriptors(session, {face: photo.vector}, space_id=self.space.id)

    def _reface(self, place: int, number: int) -> None:
        """Another face of a photo was meant; its descriptors go."""
        photo = self._some_photo(place)
        if photo is None:
            return
        photo.vector = vector(self.dim, number % KNOWN)
        self._places[photo.name] = face = 1 - self._places[photo.name]
        self._update(new_photo(PhotoRecord(photo.name, photo.patient), photo.vector, face))

    def _remove_patient(self, place: int, _: int) -> None:
        names = list(self.books.patients)
        if not names:
            return
        gone = names[place % len(names)]
        with self.database.writing() as session:
            removals.remove_patients(session, [gone])
        del self.books.patients[gone]
        for name in [p.name for p in self.books.photos.values() if p.patient == gone]:
            del self.books.photos[name]

    def _remove_photo(self, place: int, _: int) -> None:
        photo = self._some_photo(place)
        if photo is None:
            return
        with self.database.writing() as session:
            removals.remove_photos(session, [photo.name])
        del self.books.photos[photo.name]
        if all(other.patient != photo.patient for other in self.books.photos.values()):
            del self.books.patients[photo.patient]


def new_photo(record: PhotoRecord, descriptor: np.ndarray | None, place: int = 0) -> NewPhoto:
    """A row for the store; `place`: of the face in the photo."""
    encoded = None
    if descriptor is not None:
        encoded = EncodedFace(224, 112, _face(place), descriptor, crop=None)
    return NewPhoto(record, f"{int(record.photo.split('.')[0]):064x}", encoded)


@cache
def _face(place: int) -> Face:
    across = np.array([112 * place, 0], np.float32)
    return Face(
        number=1 + place,
        count=2,
        detector="aligned",
        step="aligned",
        box=np.array([0, 0, 112, 112], np.float32) + np.tile(across, 2),
        landmarks=np.asarray(TEMPLATE + across, np.float32),
        score=1.0,
        quality=Quality(1.0, 112.0, 0.0, 0.0),
        crop=np.zeros((0, 112, 3), np.uint8),
    )
