from __future__ import annotations

import pytest
import sqlalchemy as sa

from gestalt_space.errors import ChangedMeanwhile, NotInGallery
from gestalt_space.store import reads, removals
from gestalt_space.store import tables as t
from gestalt_space.store.engine import Database
from gestalt_space.store.runs import add_run
from gestalt_space.store.versions import check_version, version_of
from gestalt_space.types import Disorder, EncodingRun
from tests.galleries import new_photo
from tests.store.conftest import Store


def version(database: Database, patient: str = "P1") -> str:
    with database.reading() as session:
        return version_of(reads.patient_detail(session, patient))


def change(**values: object) -> sa.Update:
    return sa.update(t.Patient).values(**values)


@pytest.mark.parametrize(
    "statement",
    [
        change(sex="male"),
        change(family="F"),
        sa.update(t.Photo).values(age=4.0),
        sa.update(t.Photo).values(site="Bonn"),
        sa.insert(t.PhenotypeTerm).values(patient_id=1, term="HP:0000001", present=True),
    ],
)
def test_every_fact_makes_another_version(
    database: Database, store: Store, statement: sa.Executable
) -> None:
    store(new_photo("P1", 1))
    before = version(database)
    assert version(database) == before
    with database.writing() as session:
        session.execute(statement)
    assert version(database) != before


def test_a_photo_or_a_diagnosis_makes_another_version_and_an_encoder_none(
    database: Database, store: Store
) -> None:
    store(new_photo("P1", 1))
    versions = [version(database)]
    store(new_photo("P1", 2))
    versions.append(version(database))
    store(new_photo("P1", 2, disorders=(Disorder("OMIM:1"),)))
    versions.append(version(database))
    assert len({*versions}) == 3
    with database.writing() as session:
        run = add_run(session, EncodingRun("bf16", "cpu", "other", "2"))
        session.execute(sa.update(t.Descriptor).values(run_id=run))
    assert version(database) == versions[-1]


def test_who_comes_again_is_another(database: Database, store: Store) -> None:
    store(new_photo("P1", 1))
    seen = version(database)
    with database.writing() as session:
        check_version(session, "P1", seen)
        with pytest.raises(ChangedMeanwhile, match="P1"):
            check_version(session, "P1", "0" * 32)
        removals.remove_patients(session, ["P1"])
        with pytest.raises(NotInGallery):
            check_version(session, "P1", seen)
    store(new_photo("P1", 1))
    assert version(database) != seen


def test_patients_are_listed_from_somebody_on(database: Database, store: Store) -> None:
    store(*(new_photo(name, place) for place, name in enumerate(("a", "B", "é", "c", "b"))))

    def names(after: str | None = None, limit: int | None = None) -> list[str]:
        with database.reading() as session:
            return [one.patient for one in reads.list_patients(session, after=after, limit=limit)]

    assert names() == ["B", "a", "b", "c", "é"]
    assert names(after="a", limit=2) == ["b", "c"]
    assert names(after="c") == ["é"]
    assert names(after="bb") == ["c", "é"]
    assert names(after="z") == ["é"]
    assert names(after="é") == []
