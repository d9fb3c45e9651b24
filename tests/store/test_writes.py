"""Photos in and out: what is refused leaves no trace, and what is removed leaves none either."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gestalt_space.errors import DescriptorError, NotInGallery, PatientConflict
from gestalt_space.store import homes, lookups, reads, removals, tail, writes
from gestalt_space.store import tables as t
from gestalt_space.store.chunks import chunks
from gestalt_space.store.engine import Database
from gestalt_space.store.writes import NewPhoto, Stored
from gestalt_space.types import Descriptors, Disorder
from tests import made
from tests.galleries import encoded_of, files_with, new_photo
from tests.store.conftest import Store

A, B, C = Disorder("A"), Disorder("B", "second"), Disorder("C")


def rows(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that stands in the database, table by table."""
    with database.reading() as session:
        return {
            table.name: sorted(map(tuple, session.execute(sa.select(table)).all()), key=repr)
            for table in t.Base.metadata.sorted_tables
        }


def without_trail(found: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[tuple[Any, ...]]]:
    """Without the audit trail, which a migration may drop, and its head."""
    trail = ("audit_event", "audit_subject", "pseudonym")
    kept = {name: rows for name, rows in found.items() if name not in trail}
    return kept | {"change": [row[:-2] for row in found["change"]]}


def refused(stored: Sequence[Stored]) -> list[bool]:
    return [one.error is not None for one in stored]


def test_a_photo_comes_with_all_that_is_told(database: Database, store: Store) -> None:
    photo = new_photo(
        "P0",
        3,
        disorders=(A, B),
        genes=("NIPBL", "SMC3"),
        sex="female",
        age=4.5,
        ancestry="East Asian",
        cohort="one",
        family="F1",
        site="clinic A",
        hpo=("HP:0000664",),
        hpo_absent=("HP:0000252",),
        consent="research",
    )
    assert store(photo) == [Stored()]
    with database.reading() as session:
        detail = reads.patient_detail(session, "P0")
    assert detail.disorders == (("A", ""), ("B", "second"))
    assert detail.genes == ("NIPBL", "SMC3")
    assert (detail.sex, detail.ancestry, detail.cohort) == ("female", "East Asian", "one")
    assert (detail.hpo, detail.hpo_absent) == (("HP:0000664",), ("HP:0000252",))
    assert detail.consent == "research"
    (one,) = detail.photos
    assert (detail.family, one.site) == ("F1", "clinic A")
    assert (one.name, one.age, one.sha256) == ("P0-3.png", 4.5, photo.sha256)
    assert (one.face, one.faces, one.crop_kept, one.spaces) == (1, 1, True, ("tiny",))
    found = rows(database)
    assert found["descriptor"][0][4] == encoded_of(photo).descriptor.astype("<f4").tobytes()
    assert found["crop"][0][1] == encoded_of(photo).crop
    assert [row[2] for row in found["diagnosis"]] == ["diagnosed"] * 2
    assert len(found["disorder_gene"]) == 4


def test_adding_again_changes_nothing(database: Database, store: Store) -> None:
    photos = [new_photo("P0", 0, disorders=(A,)), new_photo("P1", 1)]
    store(*photos)
    before = rows(database)
    assert store(*photos) == [Stored(already=True)] * 2
    assert rows(database) == before


def test_an_undiagnosed_patient_has_no_disorder(database: Database, store: Store) -> None:
    store(new_photo("P0", 0), new_photo("P1", 1, disorders=(A,)))
    with database.reading() as session:
        counts = reads.counts(session)
    assert (counts.patients, counts.undiagnosed) == (2, 1)


def test_a_diagnosis_may_come_with_a_later_photo(database: Database, store: Store) -> None:
    store(new_photo("P0", 0))
    store(new_photo("P0", 1, disorders=(A,)), new_photo("P0", 2, disorders=(B, A)))
    with database.reading() as session:
        assert reads.patient_detail(session, "P0").disorders == (("A", ""), ("B", "second"))
        assert reads.counts(session).undiagnosed == 0


def test_several_photos_of_known_and_new_patients_go_in_together(
    database: Database, store: Store
) -> None:
    store(new_photo("P0", 0), new_photo("P1", 1))
    later = [new_photo(f"P{n % 3}", 10 + n, disorders=(A,), genes=("G",)) for n in range(9)]
    assert store(*later) == [Stored()] * 9
    with database.reading() as session:
        held = {one.patient: one.photos for one in reads.list_patients(session)}
    assert held == {"P0": 4, "P1": 4, "P2": 3}


def test_genes_and_terms_are_united_over_photos(database: Database, store: Store) -> None:
    store(new_photo("P0", 0, disorders=(A,), genes=("SMC3",), hpo=("HP:0000001",)))
    store(new_photo("P0", 1, genes=("NIPBL", "SMC3"), hpo=("HP:0000002", "HP:0000001")))
    store(new_photo("P1", 2, disorders=(A,), genes=("HDAC8",)))
    with database.reading() as session:
        detail = reads.patient_detail(session, "P0")
        disorder = session.scalars(sa.select(t.Disorder)).one()
        assert [gene.symbol for gene in disorder.genes] == ["HDAC8", "SMC3"]
    assert detail.genes == ("NIPBL", "SMC3")
    assert detail.hpo == ("HP:0000001", "HP:0000002")


def test_a_name_of_a_disorder_may_come_later(database: Database, store: Store) -> None:
    store(new_photo("P0", 0, disorders=(A,)))
    store(new_photo("P1", 1, disorders=(Disorder("A", "first"),)))
    with database.reading() as session:
        assert session.scalars(sa.select(t.Disorder.name)).all() == ["first"]


def test_facts_that_were_missing_are_filled_in(database: Database, store: Store) -> None:
    store(new_photo("P0", 0), new_photo("P0", 1, sex="male", ancestry="x"), new_photo("P0", 2))
    with database.reading() as session:
        detail = reads.patient_detail(session, "P0")
    assert (detail.sex, detail.ancestry) == ("male", "x")


@pytest.mark.parametrize("in_one_batch", [True, False])
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"sex": "male"}, {"sex": "female"}),
        ({"ancestry": "one"}, {"ancestry": "two"}),
        ({"cohort": "one"}, {"cohort": "two"}),
        ({"consent": "research"}, {"consent": "none"}),
        ({"family": "F1"}, {"family": "F2"}),
        ({"hpo": ("HP:0000001",)}, {"hpo_absent": ("HP:0000001",)}),
        ({"hpo_absent": ("HP:0000001",)}, {"hpo": ("HP:0000001",)}),
        ({}, {"new_patient": True}),
    ],
)
def test_a_contradiction_is_refused_and_leaves_no_trace(
    first: dict[str, Any],
    second: dict[str, Any],
    in_one_batch: bool,
    database: Database,
    store: Store,
) -> None:
    good = new_photo("P0", 0, disorders=(A,), **first)
    # All that it brings is new, so that any of it would show.
    bad = new_photo("P0", 1, disorders=(B,), genes=("NEW",), **second)
    store(good)
    before = rows(database)
    stored = store(good, bad) if in_one_batch else store(bad)
    assert isinstance(stored[-1].error, PatientConflict)
    assert "'P0'" in stored[-1].error.message
    assert stored[-1].error.hint
    assert rows(database) == before


def test_a_refused_photo_in_a_batch_does_not_touch_the_others(
    database: Database, store: Store
) -> None:
    stored = store(
        new_photo("P0", 0, sex="male", disorders=(A,)),
        new_photo("P0", 1, sex="female", disorders=(C,), genes=("NEW",)),
        new_photo("P1", 2, sex="female", disorders=(B,)),
    )
    assert refused(stored) == [False, True, False]
    with database.reading() as session:
        counts = reads.counts(session)
        assert (counts.patients, counts.photos, counts.disorders, counts.genes) == (2, 2, 2, 0)


@pytest.mark.parametrize("in_one_batch", [True, False])
def test_one_photo_under_two_patients_is_refused_naming_both(
    in_one_batch: bool, database: Database, store: Store
) -> None:
    first = new_photo("P0", 0, disorders=(A,), sha256="a" * 64)
    second = new_photo("P1", 1, disorders=(B,), sha256="a" * 64, genes=("NEW",))
    stored = store(first, second) if in_one_batch else [*store(first), *store(second)]
    assert stored[0] == Stored()
    error = stored[1].error
    assert isinstance(error, PatientConflict)
    assert "'P0'" in error.message
    assert "'P1'" in error.message
    with database.reading() as session:
        counts = reads.counts(session)
        assert (counts.patients, counts.photos, counts.disorders, counts.genes) == (1, 1, 1, 0)


@pytest.mark.parametrize(
    "vector",
    [
        np.zeros(16, np.float32),
        np.full(16, np.nan, np.float32),
        np.full(16, np.inf, np.float32),
        np.full(16, 1e-30, np.float32),
        np.ones(16, np.float32),
        (np.eye(16) * 0.5).astype(np.float16)[0],
        np.full(16, 3e38, np.float32),
    ],
    ids=["zero", "NaN", "infinite", "tiny", "long", "short half precision", "overflow"],
)
def test_an_unsound_descriptor_is_refused_and_leaves_no_trace(
    vector: Descriptors, database: Database, store: Store
) -> None:
    before = rows(database)
    (stored,) = store(new_photo("P0", 0, disorders=(A,), genes=("G",), descriptor=vector))
    assert isinstance(stored.error, DescriptorError)
    assert rows(database) == before


def test_sequence_numbers_are_given_once_and_in_order(database: Database, store: Store) -> None:
    store(new_photo("P0", 0), new_photo("P0", 1))
    store(new_photo("P0", 0), new_photo("P1", 2))
    with database.writing() as session:
        removals.remove_patients(session, ["P0"])
    store(new_photo("P2", 3))
    found = rows(database)
    assert sorted(row[3] for row in found["descriptor"]) == [3, 6]
    assert sorted(row[2] for row in found["removal"]) == [4, 5]
    with database.reading() as session:
        assert tail.read_mark(session, None).sequence == 6


def test_an_older_index_is_not_recorded_and_one_of_the_same_change_is(
    database: Database, url: str, space_id: int
) -> None:
    """Two processes; an index from which rows were wiped is of the same change as before."""
    other = Database(url, busy_timeout=5)
    with database.writing() as session:
        homes.register_home(session, "home", "here")
    for opened, sequence, digest, is_taken in (
        (database, 5, "a" * 64, True),
        (other, 5, "b" * 64, True),
        (database, 4, "c" * 64, False),
        (other, 6, "d" * 64, True),
    ):
        with opened.writing() as session:
            taken = homes.record_generation(
                session, "home", space_id, sequence=sequence, digest=digest
            )
        assert taken is is_taken
    with database.reading() as session:
        mark = tail.read_mark(session, space_id, "home")
    other.close()
    assert (mark.digest, mark.indexed) == ("d" * 64, 6)


def test_keys_of_removed_descriptors_are_not_given_again(database: Database, store: Store) -> None:
    store(new_photo("P0", 0), new_photo("P1", 1))
    with database.writing() as session:
        removals.remove_patients(session, ["P1"])
    store(new_photo("P2", 2))
    assert sorted(row[0] for row in rows(database)["descriptor"]) == [1, 3]


def test_the_first_space_is_the_default_and_others_are_when_asked(
    database: Database, space_id: int
) -> None:
    with database.writing() as session:
        again = writes.add_space(
            session, model="x", fingerprint="f" * 64, specification="{}", dim=16
        )
        other = writes.add_space(
            session, model="y", fingerprint="e" * 64, specification="{}", dim=8
        )
    assert again == space_id
    with database.reading() as session:
        assert [space.is_default for space in reads.spaces(session)] == [True, False]
    with database.writing() as session:
        writes.make_default(session, other)
    with database.reading() as session:
        assert [space.is_default for space in reads.spaces(session)] == [False, True]


def test_descriptors_of_another_space_are_checked_too(
    database: Database, store: Store, rng: np.random.Generator
) -> None:
    store(new_photo("P0", 0))
    with database.writing() as session:
        other = writes.add_space(
            session, model="y", fingerprint="e" * 64, specification="{}", dim=8
        )
        writes.put_descriptors(session, {1: made.unit(rng, 1, 8)[0]}, space_id=other)
    before = rows(database)
    assert len(before["descriptor"]) == 2
    with pytest.raises(DescriptorError), database.writing() as session:
        writes.put_descriptors(session, {1: np.zeros(8, np.float32)}, space_id=other)
    assert rows(database) == before


# Removal


def test_removing_everything_leaves_empty_tables(database: Database, store: Store) -> None:
    store(
        new_photo("P0", 0, disorders=(A, B), genes=("G",), hpo=("HP:0000001",)),
        new_photo("P0", 1),
        new_photo("P1", 2, disorders=(A,), genes=("H",)),
    )
    with database.writing() as session:
        assert removals.remove_patients(session, ["P0", "P1"]).photos == 3
    left = {name for name, found in rows(database).items() if found}
    assert left == {"space", "change", "removal", "purge", "audit_event", "audit_subject"}


def test_what_others_still_have_stays(database: Database, store: Store) -> None:
    store(
        new_photo("P0", 0, disorders=(A, B), genes=("G", "H")),
        new_photo("P1", 1, disorders=(A,), genes=("G",)),
    )
    with database.writing() as session:
        assert removals.remove_patients(session, ["P0"]).photos == 1
    with database.reading() as session:
        assert session.scalars(sa.select(t.Disorder.code)).all() == ["A"]
        assert reads.patient_detail(session, "P1").genes == ("G",)


def test_a_photo_is_removed_by_name_or_hash_and_its_patient_with_the_last(
    database: Database, store: Store
) -> None:
    photos = [new_photo("P0", 0, disorders=(A,)), new_photo("P0", 1), new_photo("P1", 2)]
    store(*photos)
    with database.writing() as session:
        assert removals.remove_photos(session, ["P0-0.png"]).photos == 1
    with database.reading() as session:
        assert reads.patient_detail(session, "P0").disorders == (("A", ""),)
    with database.writing() as session:
        assert removals.remove_photos(session, [photos[1].sha256]).photos == 1
    with database.reading() as session:
        assert [one.patient for one in reads.list_patients(session)] == ["P1"]
        assert reads.counts(session).disorders == 0


def test_a_name_of_several_photos_removes_none(database: Database, store: Store) -> None:
    store(new_photo("P0", 0, sha256="a" * 64), new_photo("P0", 0, sha256="b" * 64))
    before = rows(database)
    with (
        pytest.raises(NotInGallery, match="2 photos") as caught,
        database.writing() as session,
    ):
        removals.remove_photos(session, ["P0-0.png"])
    assert "sha256" in caught.value.hint
    assert rows(database) == before


@pytest.mark.parametrize("patients", [["P0", "nobody"], ["nobody"]])
def test_an_unknown_patient_removes_none(
    patients: list[str], database: Database, store: Store
) -> None:
    store(new_photo("P0", 0))
    before = rows(database)
    with pytest.raises(NotInGallery, match="nobody"), database.writing() as session:
        removals.remove_patients(session, patients)
    assert rows(database) == before


def test_a_removed_photo_may_come_back_for_another_patient(
    store: Store, database: Database
) -> None:
    store(new_photo("P0", 0, sha256="a" * 64))
    with database.writing() as session:
        removals.remove_patients(session, ["P0"])
    assert store(new_photo("P1", 0, sha256="a" * 64)) == [Stored()]


def test_removed_rows_are_in_no_file_of_a_large_gallery(
    database: Database, store: Store, tmp_path: Path
) -> None:
    """Keys in random order split the pages of the indexes; no half may keep what was moved."""
    order = np.random.default_rng(3).permutation(1200)
    photos = [
        new_photo(f"PATIENT-{n * 7919 % 100003:06}", int(n), crop=False, disorders=(A,))
        for n in order
    ]
    for start in range(0, len(photos), 64):
        store(*photos[start : start + 64])
    chosen = photos[::40]
    with database.writing() as session:
        removals.remove_patients(session, [photo.record.patient for photo in chosen])
    database.truncate_log()
    left = {
        photo.record.patient
        for photo in chosen
        if files_with(tmp_path / "home", photo.record.patient.encode())
        or files_with(tmp_path / "home", photo.sha256.encode())
        or files_with(tmp_path / "home", encoded_of(photo).descriptor.tobytes())
    }
    assert left == set()


# Whatever comes in whatever order


SEXES = st.sampled_from([None, "male", "female"])
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("add"), st.integers(0, 2), st.integers(0, 4), SEXES, st.sampled_from("AB ")
        ),
        st.tuples(st.just("remove"), st.integers(0, 2)),
    ),
    max_size=12,
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
def test_the_tables_hold_what_a_plain_model_holds(
    steps: list[tuple[Any, ...]], database: Database, space_id: int
) -> None:
    with database.writing() as session:
        held = [one.patient for one in reads.list_patients(session)]
        removals.remove_patients(session, held)
    patients: dict[str, dict[str, Any]] = {}
    owner: dict[str, str] = {}
    for step in steps:
        patient = f"P{step[1]}"
        if step[0] == "remove":
            with database.writing() as session:
                if patient in patients:
                    gone = [sha for sha, whose in owner.items() if whose == patient]
                    assert removals.remove_patients(session, [patient]).photos == len(gone)
                    del patients[patient]
                    owner = {sha: whose for sha, whose in owner.items() if whose != patient}
                else:
                    with pytest.raises(NotInGallery):
                        removals.remove_patients(session, [patient])
            continue
        _, _, number, sex, code = step
        sha = f"{number}" * 64
        disorders = () if code == " " else (Disorder(code),)
        photo: NewPhoto = new_photo(
            patient, number, sha256=sha, sex=sex, disorders=disorders, crop=False
        )
        with database.writing() as session:
            (stored,) = writes.add_photos(session, [photo], space_id=space_id)
        known = patients.get(patient, {"sex": None, "disorders": set()})
        others = owner.get(sha, patient) != patient
        other_disorder = known["disorders"] and disorders and code not in known["disorders"]
        other_sex = None not in (known["sex"], sex) and known["sex"] != sex
        if others or other_disorder or other_sex:
            assert isinstance(stored.error, PatientConflict)
        else:
            assert (stored.error, stored.already) == (None, sha in owner)
            owner[sha] = patient
            patients[patient] = {
                "sex": known["sex"] or sex,
                "disorders": known["disorders"] | {d.id for d in disorders},
            }
    with database.reading() as session:
        found = {
            one.patient: {"sex": one.sex, "disorders": set(one.disorders)}
            for one in reads.list_patients(session)
        }
        assert found == patients
        last = reads.last_face(session)
        for sha, whose in itertools.product(owner, patients):
            held = reads.StoredFace(1, "aligned") if owner[sha] == whose else None
            assert reads.stored_face(session, sha, whose, until=last) == held
        counts = reads.counts(session)
    told = {code for facts in patients.values() for code in facts["disorders"]}
    assert (counts.photos, counts.disorders) == (len(owner), len(told))


# Long lists


@pytest.mark.sqlite_only("its limit")
def test_no_question_binds_more_values_than_a_database_takes(
    database: Database, store: Store, space_id: int
) -> None:
    # SQLite's own limit until 2020, and still that of some builds.
    @sa.event.listens_for(database.engine, "begin")
    def _limit(connection: sa.Connection) -> None:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 999)

    many = 1_200
    template = t.Patient.__table__
    with database.writing() as session:
        session.execute(
            sa.insert(template),
            [{"external_id": f"P{n}", "added_at": datetime.now(UTC)} for n in range(many)],
        )
    disorders = tuple(Disorder(f"D{n}") for n in range(many))
    genes = tuple(f"G{n}" for n in range(many))
    assert store(new_photo("P0", 0, disorders=disorders, genes=genes[:2])) == [Stored()]
    assert store(new_photo("P1", 1, genes=genes)) == [Stored()]
    names = [f"P{n}" for n in range(many)]
    with database.reading() as session:
        assert len(lookups.patients_like(session, names)) == many
        assert len(lookups.patient_names_of(session, range(1, many + 1))) == many
        assert len(reads.crops_of(session, range(many))) == 2
        assert len(reads.described_photos(session, range(many))) == 2
        assert len(reads.kept_faces(session, names)) == 2
        assert reads.faces_without(session, space_id, range(many)) == []
        assert len(reads.faces_without(session, None, range(many))) == 2
    with database.writing() as session:
        assert removals.remove_patients(session, names) == removals.Removed(many, 2)
    with database.reading() as session:
        assert reads.counts(session).patients == 0


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (1, [1]), (500, [500]), (501, [500, 1])])
def test_values_come_in_their_order_so_many_at_a_time(count: int, sizes: list[int]) -> None:
    found = list(chunks(range(count)))
    assert [len(some) for some in found] == sizes
    assert [value for some in found for value in some] == list(range(count))


# A photo of several patients


def test_a_photo_of_several_is_removed_for_whom_it_is_said(
    database: Database, store: Store
) -> None:
    sha = "a" * 64
    store(*(new_photo(f"P{n}", n, sha256=sha, place=n) for n in range(3)))
    before = rows(database)
    with (
        pytest.raises(NotInGallery, match="shows 3 patients of the gallery: P0, P1, P2") as caught,
        database.writing() as session,
    ):
        removals.remove_photos(session, [sha])
    assert "--of P0 --of P1 --of P2" in caught.value.hint
    with pytest.raises(NotInGallery, match="P7"), database.writing() as session:
        removals.remove_photos(session, [sha], patients=["P0", "P7"])
    assert rows(database) == before
    with database.writing() as session:
        assert removals.remove_photos(session, [sha], patients=["P1"]).photos == 1
    with database.reading() as session:
        assert [one.patient for one in reads.list_patients(session)] == ["P0", "P2"]
    with database.writing() as session:
        assert removals.remove_photos(session, [sha[:12]], patients=["P0", "P2"]).photos == 2
