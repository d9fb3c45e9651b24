"""Corrections in the database: what they change, what they refuse, and that an undo is exact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from gestalt_space.errors import ConsentWithdrawn, NotInGallery, PatientConflict, UsageError
from gestalt_space.store import audit, correcting, reads, removals, tail, undoing, writes
from gestalt_space.store import tables as t
from gestalt_space.store.correcting import Corrected
from gestalt_space.store.engine import Database
from gestalt_space.types import Disorder, PhotoRecord
from tests import schema
from tests.databases import address_of, copy_database
from tests.galleries import new_photo
from tests.store.conftest import Store

MOVING = {"sequence"}
APART = {"audit_event", "audit_subject", "change", "removal", "purge", "pseudonym"}
CDLS, KABUKI = Disorder("OMIM:122470", "Cornelia de Lange"), Disorder("OMIM:147920", "Kabuki")


@pytest.fixture(autouse=True)
def _known_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Migrations run once for all tests here."""
    monkeypatch.setattr("alembic.command.upgrade", schema.upgrade)


def dump(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """The whole database, but for the trail, sequence numbers and keys of descriptors."""
    found = {}
    with database.reading() as session:
        for name, table in t.Base.metadata.tables.items():
            if name in APART:
                continue
            left_out = MOVING | ({"id"} if name == "descriptor" else set())
            columns = [column for column in table.c if column.name not in left_out]
            found[name] = sorted(map(tuple, session.execute(sa.select(*columns))), key=repr)
    return found


def photos_of(database: Database, patient: str) -> list[str]:
    with database.reading() as session:
        return [photo.name for photo in reads.patient_detail(session, patient).photos]


def told(patient: str = "P1", **facts: Any) -> PhotoRecord:
    return PhotoRecord("", patient, **facts)


def set_facts(
    database: Database, patient: str, photo: str | None = None, **facts: Any
) -> Corrected:
    with database.writing() as session:
        return correcting.set_facts(session, patient, told(patient, **facts), photo=photo)


def undo(database: Database) -> undoing.Undone:
    with database.writing() as session:
        return undoing.undo_last(session)


def trail(database: Database) -> list[audit.Event]:
    with database.reading() as session:
        assert list(audit.trail_problems(session)) == []
        return list(audit.events(session))


@pytest.fixture
def two(store: Store) -> None:
    """P1 with two photos, P2 with one."""
    store(
        new_photo("P1", 1, disorders=(CDLS,), genes=("NIPBL",), sex="female", age=4.0),
        new_photo("P1", 2),
        new_photo("P2", 3, disorders=(KABUKI,), hpo=("HP:0000001",)),
    )


def test_what_is_set_takes_the_place_of_what_was(database: Database, two: None) -> None:
    done = set_facts(database, "P1", sex="male", disorders=(KABUKI,), genes=("KMT2D",))
    assert set(done.changes) == {
        "sex: female → male",
        "disorder: OMIM:122470 → OMIM:147920",
        "gene: NIPBL → KMT2D",
        "genes of OMIM:147920: (empty) → KMT2D",
    }
    event = trail(database)[-1]
    assert event.action == "set"
    assert event.detail is not None
    assert event.detail["before"]["patients"]["P1"]["sex"] == "female"
    assert event.detail["after"]["patients"]["P1"]["sex"] == "male"
    with database.reading() as session:
        assert reads.counts(session).disorders == 1


def test_nothing_is_told_where_nothing_changed(database: Database, two: None) -> None:
    before, events = dump(database), len(trail(database))
    assert set_facts(database, "P1", sex="female", disorders=(CDLS,)).changes == ()
    assert (dump(database), len(trail(database))) == (before, events)
    with pytest.raises(NotInGallery, match="corrected"):
        undo(database)


def test_facts_of_a_photo_are_set_and_emptied(database: Database, two: None) -> None:
    done = set_facts(database, "P1", "P1-1.png", age=5.0, site="ward")
    assert done.changes == ("age at P1-1.png: 4y → 5y", "site of P1-1.png: (empty) → ward")
    done = set_facts(database, "P1", "P1-1.png", emptied=("age", "sex"))
    assert done.changes == ("sex: female → (empty)", "age at P1-1.png: 5y → (empty)")
    with pytest.raises(NotInGallery, match="P1"):
        set_facts(database, "P1", "P2-3.png", age=5.0)


def test_a_moved_photo_takes_its_descriptor_along_under_a_new_key(
    database: Database, space_id: int, two: None
) -> None:
    with database.reading() as session:
        (space,) = reads.spaces(session)
        before = tail.rows_after(session, space, -1)
        mark = tail.read_mark(session, space_id)
    with database.writing() as session:
        correcting.move_photo(session, "P1-2.png", of="P1", to="P2")
    assert photos_of(database, "P2") == ["P1-2.png", "P2-3.png"]
    with database.reading() as session:
        gone = tail.removed_after(session, space, mark.sequence)
        new = tail.rows_after(session, space, mark.sequence)
        assert tail.read_epoch(session) > mark.epoch
    (key,) = gone
    assert key in before.ids
    old = before.vectors[list(before.ids).index(key)]
    assert np.array_equal(new.vectors, old[None])


def test_who_gave_the_last_photo_away_goes_and_comes_back(database: Database, two: None) -> None:
    before = dump(database)
    with database.writing() as session:
        done = correcting.move_photo(session, "P2-3.png", of="P2", to="P9")
    assert any("last photo of P2" in note for note in done.notes)
    assert any("P9 is new" in note for note in done.notes)
    with database.reading() as session, pytest.raises(NotInGallery):
        reads.patient_detail(session, "P2")
    undo(database)
    assert dump(database) == before


def test_a_photo_is_not_moved_beside_its_own_bytes(database: Database, store: Store) -> None:
    store(
        new_photo("P1", 1, sha256="a" * 64),
        new_photo("P2", 2, sha256="a" * 64, place=1),
    )
    before = dump(database)
    with database.writing() as session, pytest.raises(PatientConflict, match="has this photo"):
        correcting.move_photo(session, "P1-1.png", of="P1", to="P2")
    assert dump(database) == before


def merge(database: Database, keep: str | None = None) -> Corrected:
    with database.writing() as session:
        return correcting.merge_patients(session, "P1", "P2", keep=keep)


def test_patients_who_contradict_each_other_are_merged_only_where_one_is_kept(
    database: Database, two: None
) -> None:
    set_facts(database, "P2", sex="male", cohort="C")
    before = dump(database)
    with pytest.raises(PatientConflict, match=r"sex: female \(P1\), male \(P2\).*disorder"):
        merge(database)
    assert dump(database) == before
    for keep, sex, disorder in (("P1", "female", CDLS), ("P2", "male", KABUKI)):
        merge(database, keep)
        with database.reading() as session:
            one = reads.patient_detail(session, "P1")
            assert reads.counts(session).disorders == 1
        assert (one.sex, one.cohort, one.disorders) == (sex, "C", ((disorder.id, disorder.name),))
        assert len(one.photos) == 3
        undo(database)
        assert dump(database) == before


def test_merging_and_splitting_gives_what_was(database: Database, store: Store) -> None:
    store(new_photo("P1", 1, sex="male"), new_photo("P2", 2, sex="male"))
    before = dump(database)
    merge(database)
    assert photos_of(database, "P1") == ["P1-1.png", "P2-2.png"]
    with database.writing() as session:
        done = correcting.split_patient(session, "P1", ["P2-2.png"], "P2")
    assert any("--family" in note for note in done.notes)
    after = dump(database)
    for tables in (before, after):  # P2 is somebody new, with a key of their own
        tables["patient"] = [row[1:-1] for row in tables["patient"]]
        tables["photo"] = [row[2:] for row in tables["photo"]]
    assert after == before


def test_photos_of_the_same_bytes_are_one_after_a_merge(database: Database, store: Store) -> None:
    store(
        new_photo("P1", 1, sha256="a" * 64),
        new_photo("P2", 2, sha256="a" * 64, place=1, age=3.0),
        new_photo("P2", 3),
    )
    before = dump(database)
    with pytest.raises(PatientConflict, match="shows them as two"):
        merge(database)
    for keep in ("P1", "P2"):
        merge(database, keep)
        merged = dump(database)
        with database.reading() as session:
            photos = reads.patient_detail(session, "P1").photos
        assert sorted(photo.sha256 == "a" * 64 for photo in photos) == [False, True]
        assert [one.age for one in photos if one.sha256 == "a" * 64] == [3.0]
        undo(database)
        assert dump(database) == before
        undo(database)
        assert dump(database) == merged
        undo(database)
        assert dump(database) == before


def test_a_removed_photo_leaves_the_trail_that_kept_its_copy(
    database: Database, store: Store
) -> None:
    store(
        new_photo("P1", 1, sha256="a" * 64),
        new_photo("P2", 2, sha256="a" * 64, place=1),
        new_photo("P2", 3),
    )
    merge(database, "P1")
    with database.writing() as session:
        removals.remove_photos(session, ["P1-1.png"])
    assert [one.detail for one in trail(database) if one.action == "merge"] == [None]
    with pytest.raises(PatientConflict, match="removed since"):
        undo(database)


def test_whoever_removes_the_merged_patient_empties_what_was_told_of_both(
    database: Database, store: Store
) -> None:
    store(new_photo("P1", 1), new_photo("P2", 2, ancestry="Finnish"))
    merge(database)
    with database.writing() as session:
        removals.remove_patients(session, ["P1"])
    assert [one.detail for one in trail(database)[:-1]] == [None] * (len(trail(database)) - 1)


def test_a_split_leaves_nobody_without_a_photo(database: Database, two: None) -> None:
    with database.writing() as session:
        with pytest.raises(PatientConflict, match="no photo left"):
            correcting.split_patient(session, "P1", ["P1-1.png", "P1-2.png"], "P3")
        with pytest.raises(PatientConflict, match="already"):
            correcting.split_patient(session, "P1", ["P1-1.png"], "P2")
        with pytest.raises(UsageError, match="twice"):
            correcting.split_patient(session, "P1", ["P1-1.png"], "P1")


def test_what_was_touched_since_is_not_undone(database: Database, store: Store, two: None) -> None:
    set_facts(database, "P1", sex="male")
    store(new_photo("P2", 9))
    undo(database)
    undo(database)
    store(new_photo("P1", 8))
    with pytest.raises(PatientConflict, match=r"touched its patients since \(add"):
        undo(database)


def test_a_removal_is_never_undone(database: Database, two: None) -> None:
    with database.writing() as session:
        removals.remove_patients(session, ["P2"])
    with pytest.raises(NotInGallery) as error:
        undo(database)
    assert error.value.hint == "A removal cannot be undone."
    set_facts(database, "P1", sex="male")
    with database.writing() as session:
        removals.remove_photos(session, ["P1-2.png"])
    with pytest.raises(PatientConflict, match="remove,"):
        undo(database)


def withheld(database: Database) -> tuple[int, int]:
    """How many descriptors there are, and how many are withheld."""
    with database.reading() as session:
        counts = (sa.select(sa.func.count()).select_from(one) for one in (t.Descriptor, t.Withheld))
        matched, held = (session.scalar(count) for count in counts)
        return matched or 0, held or 0


def test_descriptors_without_consent_are_withheld(
    database: Database, space_id: int, store: Store, two: None
) -> None:
    with database.reading() as session:
        epoch = tail.read_epoch(session)
    before = dump(database)
    set_facts(database, "P1", consent="withdrawn")
    assert withheld(database) == (1, 2)
    with database.reading() as session:
        (space,) = reads.spaces(session)
        assert len(tail.removed_after(session, space, -1)) == 2
        assert tail.read_epoch(session) == epoch + 1
        assert reads.faces_without(session, space_id) == []
        assert reads.faces_without(session, None) == reads.faces_without(session, None)[:1]
        assert reads.kept_faces(session, ["P1"]) == []
        assert reads.counts(session).withdrawn == 1
    (refused,) = store(new_photo("P1", 7))
    assert isinstance(refused.error, ConsentWithdrawn)
    _, second = store(new_photo("P5", 7), new_photo("P5", 8, consent="withdrawn"))
    assert isinstance(second.error, ConsentWithdrawn)
    assert withheld(database) == (2, 2)
    with pytest.raises(ConsentWithdrawn, match="no consent takes its place"):
        set_facts(database, "P1", emptied=("consent",))
    with database.writing() as session:
        removals.remove_patients(session, ["P5"])
    undo(database)
    assert dump(database) == before


@pytest.mark.parametrize("word", ["research", None])
def test_consent_that_is_given_again_brings_them_back(
    database: Database, space_id: int, two: None, word: str | None
) -> None:
    set_facts(database, "P1", consent="withdrawn")
    row = new_photo("P1", 1, consent=word, emptied=() if word else ("consent",))
    with database.writing() as session:
        writes.add_photos(session, [row], space_id=space_id, update=True)
    assert withheld(database) == ((3, 0) if word else (1, 2))


def test_a_row_may_withdraw_consent_of_a_photo_that_is_there(
    database: Database, store: Store, two: None
) -> None:
    (done,) = store(new_photo("P1", 1, consent="withdrawn"))
    assert done.changes == ("added consent withdrawn",)
    assert withheld(database) == (1, 2)


def test_photos_follow_the_consent_of_whose_they_are(database: Database, two: None) -> None:
    set_facts(database, "P1", consent="withdrawn")
    with database.writing() as session:
        done = correcting.move_photo(session, "P1-1.png", of="P1", to="P8")
    assert "The consent of P8 is withdrawn, as that of P1 is." in done.notes
    assert withheld(database) == (1, 2)
    with database.writing() as session:
        correcting.move_photo(session, "P1-1.png", of="P8", to="P2")
    assert withheld(database) == (2, 1)
    set_facts(database, "P1", disorders=(KABUKI,), emptied=("genes", "sex"))
    with database.writing() as session:
        correcting.merge_patients(session, "P2", "P1")
    assert withheld(database) == (0, 3)
    undo(database)
    assert withheld(database) == (2, 1)


names = st.sampled_from(["P1", "P2", "P3"])
codes = st.sets(st.sampled_from(["D1", "D2"]), max_size=2)
symbols = st.sets(st.sampled_from(["G1", "G2"]), max_size=2)
sexes = st.sampled_from(["female", "male", None])
consents = st.sampled_from(["research", "withdrawn", None])
STEPS = st.one_of(
    st.tuples(st.just("set"), names, sexes, consents, codes, symbols),
    st.tuples(st.just("move"), st.integers(0, 4), names),
    st.tuples(st.just("merge"), names, names, st.booleans()),
    st.tuples(st.just("split"), st.integers(0, 4), names),
    st.tuples(st.just("undo")),
)
PHOTOS = {f"{number}" * 64: name for number, name in enumerate(("P1", "P1", "P1", "P2", "P2"))}


class Model:
    """A gallery as a plain dictionary: facts of patients, and whose each photo is."""

    def __init__(self) -> None:
        nothing: dict[str, Any] = {"sex": None, "consent": None, "disorders": (), "genes": ()}
        self.patients = {name: dict(nothing) for name in ("P1", "P2")}
        self.photos = dict(PHOTOS)

    def set(self, name: str, sex: Any, consent: Any, disorders: Any, genes: Any) -> bool:
        given = {"sex": sex, "consent": consent}
        given |= {"disorders": tuple(sorted(disorders)), "genes": tuple(sorted(genes))}
        if name in self.patients:
            self.patients[name] |= {fact: value for fact, value in given.items() if value}
        return name in self.patients

    def move(self, photo: str, to: str) -> bool:
        owner = self.photos[photo]
        if owner == to:
            return False
        if to not in self.patients:
            self.patients[to] = {"sex": None, "consent": None, "disorders": (), "genes": ()}
            if self.patients[owner]["consent"] == "withdrawn":
                self.patients[to]["consent"] = "withdrawn"
        self.photos[photo] = to
        if owner not in self.photos.values():
            del self.patients[owner]
        return True

    def merge(self, into: str, other: str, keep: str) -> bool:
        if into == other or not {into, other} <= set(self.patients):
            return False
        kept, given_up = self.patients[keep], self.patients[into if keep == other else other]
        merged = {fact: kept[fact] or given_up[fact] for fact in kept}
        if "withdrawn" in (kept["consent"], given_up["consent"]):
            merged["consent"] = "withdrawn"
        for lists in ("disorders", "genes"):
            one, more = set(kept[lists]), set(given_up[lists])
            together = one | more if one <= more or more <= one else one
            merged[lists] = tuple(sorted(together))
        self.patients[into] = merged
        del self.patients[other]
        self.photos = {one: into if of == other else of for one, of in self.photos.items()}
        return True

    def split(self, photo: str, to: str) -> bool:
        owner = self.photos[photo]
        if to in self.patients or list(self.photos.values()).count(owner) == 1:
            return False
        self.patients[to], self.photos[photo] = dict(self.patients[owner]), to
        return True

    @property
    def matched(self) -> set[str]:
        return {
            photo
            for photo, owner in self.photos.items()
            if self.patients[owner]["consent"] != "withdrawn"
        }


def seen(session: Session) -> tuple[dict[str, Any], dict[str, str], set[str]]:
    """What the model says, read from the database."""
    patients = {}
    for one in session.scalars(sa.select(t.Patient)):
        patients[one.external_id] = {
            "sex": one.sex,
            "consent": one.consent,
            "disorders": tuple(sorted(of.disorder.code for of in one.diagnoses)),
            "genes": tuple(gene.symbol for gene in one.genes),
        }
    photos = session.scalars(sa.select(t.Photo)).all()
    matched = {one.sha256 for one in photos if one.faces[0].descriptors}
    return patients, {one.sha256: one.patient.external_id for one in photos}, matched


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A home to be copied."""
    home = tmp_path / "template"
    database = Database(address_of(home))
    with database.writing() as session:
        space = writes.add_space(
            session, model="tiny", fingerprint="f" * 64, specification="{}", dim=16
        )
        rows = [
            new_photo(name, place, sha256=sha256, crop=False)
            for place, (sha256, name) in enumerate(PHOTOS.items())
        ]
        writes.add_photos(session, rows, space_id=space)
    database.truncate_log()
    database.close()
    return home


def corrected(session: Session, step: tuple[Any, ...], model: Model) -> bool:
    """One step on the database and on the model; whether it was done."""
    kind, *told_of = step
    if kind == "set":
        name, sex, consent, disorders, genes = told_of
        if not model.set(*told_of):
            return False
        record = told(
            name,
            sex=sex,
            consent=consent,
            disorders=tuple(Disorder(code) for code in sorted(disorders)),
            genes=tuple(sorted(genes)),
        )
        return bool(correcting.set_facts(session, name, record).changes)
    if kind == "merge":
        into, other, first = told_of
        keep = into if first else other
        done = model.merge(into, other, keep)
        if done:
            correcting.merge_patients(session, into, other, keep=keep)
        return done
    number, to = told_of
    photo = list(PHOTOS)[number]
    owner = model.photos[photo]
    if kind == "move":
        done = model.move(photo, to)
        if done:
            correcting.move_photo(session, photo, of=owner, to=to)
        return done
    done = model.split(photo, to)
    if done:
        correcting.split_patient(session, owner, [photo], to)
    return done


def check_history(template: Path, steps: list[tuple[Any, ...]]) -> None:
    home = template.with_name("copy")
    home.mkdir(exist_ok=True)
    copy_database(template, home)
    database = Database(address_of(home))
    try:
        model, before, is_undoable = Model(), dump(database), False
        last = Model()
        for step in steps:
            now = dump(database)
            if step[0] == "undo":
                if not is_undoable:
                    continue
                undo(database)
                assert dump(database) == before
                before, last, model = now, model, last
            else:
                was = Model()
                was.patients = {name: dict(facts) for name, facts in model.patients.items()}
                was.photos = dict(model.photos)
                with database.writing() as session:
                    done = corrected(session, step, model)
                if done:
                    before, last, is_undoable = now, was, True
            with database.reading() as session:
                assert seen(session) == (model.patients, model.photos, model.matched)
        assert database.problems() == []
        trail(database)
    finally:
        database.close()


@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(STEPS, min_size=6, max_size=12))
def test_corrections_and_undos_are_those_of_a_dictionary(
    template: Path, steps: list[tuple[Any, ...]]
) -> None:
    check_history(template, steps)


@pytest.mark.slow
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(STEPS, min_size=10, max_size=30))
def test_many_corrections_and_undos_are_those_of_a_dictionary(
    template: Path, steps: list[tuple[Any, ...]]
) -> None:
    check_history(template, steps)


def test_a_face_that_somebody_else_has_by_now_is_not_put_back(
    database: Database, store: Store
) -> None:
    store(new_photo("P1", 1, sha256="a" * 64), new_photo("P2", 2, sha256="a" * 64, place=1))
    merge(database, keep="P1")
    assert len(photos_of(database, "P1")) == 1, "one row of the same bytes stays"
    store(new_photo("P3", 2, sha256="a" * 64, place=1))
    before = dump(database)
    with pytest.raises(PatientConflict, match="'P3'"):
        undo(database)
    assert dump(database) == before


def test_genes_of_a_disorder_that_others_took_over_go_with_who_had_them(
    database: Database, store: Store
) -> None:
    store(new_photo("P1", 1), new_photo("P2", 2))
    set_facts(database, "P1", disorders=(Disorder("D-new"),), genes=("GENEX",))
    store(new_photo("P3", 3, disorders=(Disorder("D-new"),)))
    undo(database)
    found = dump(database)
    assert found["disorder_gene"] == found["gene"] == []
    assert [row[1] for row in found["disorder"]] == ["D-new"]
