"""The migration that brings names to one spelling, with rows of before it."""

from __future__ import annotations

import unicodedata
from importlib.resources import files

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from gestalt_space.store import reads
from gestalt_space.store import tables as t
from gestalt_space.store.engine import Database
from gestalt_space.store.migrating import REVISION, migrating, upgrade_database
from gestalt_space.types import Disorder
from tests.galleries import new_photo
from tests.store.conftest import Store

NFC, NFD = (unicodedata.normalize(form, "Zoé") for form in ("NFC", "NFD"))
BEFORE = "0004"


@pytest.fixture
def go_back(database: Database):
    """Brings the database to the migration before."""

    def back() -> None:
        config = Config()
        config.set_main_option("script_location", str(files("gestalt_space.migrations")))
        with migrating(database.engine) as connection:
            config.attributes["connection"] = connection
            command.downgrade(config, BEFORE)

    return back


def texts(database: Database, column: sa.orm.InstrumentedAttribute[str]) -> list[str | None]:
    with database.reading() as session:
        return list(session.scalars(sa.select(column).order_by(column)))


def test_names_of_all_kinds_come_to_one_spelling(
    database: Database, url: str, store: Store, go_back
) -> None:
    facts = {"ancestry": NFD, "cohort": NFD, "consent": NFD}
    store(new_photo(NFD, 0, disorders=(Disorder(NFD, NFD),), genes=(NFD,), **facts))
    store(new_photo(" P1", 1, **dict.fromkeys(facts, NFC)))
    go_back()
    assert upgrade_database(url).notes == ()
    assert database.revision() == REVISION
    for column in (t.Patient.ancestry, t.Patient.cohort, t.Patient.consent):
        assert texts(database, column) == [NFC, NFC]
    assert texts(database, t.Patient.external_id) == ["P1", NFC]
    assert texts(database, t.Photo.name) == ["P1-1.png", f"{NFC}-0.png"]
    for column in (t.Disorder.code, t.Disorder.name, t.Gene.symbol):
        assert texts(database, column) == [NFC]


def test_patients_whose_names_become_one_stay_two(
    database: Database, url: str, store: Store, go_back
) -> None:
    store(new_photo(NFD, 0, sex="female"), new_photo(NFC, 1, sex="male"), new_photo(f"{NFC} ", 2))
    store(new_photo(f"{NFC} (2)", 3))
    go_back()
    notes = upgrade_database(url).notes
    assert len(notes) == 2
    assert all(repr(NFC) in note for note in notes)
    assert f"one of them is {NFC + ' (3)'!r} now" in notes[0]
    with database.reading() as session:
        found = {
            patient: reads.patient_detail(session, patient)
            for patient in reads.patient_names(session).values()
        }
    photos = {patient: [photo.name for photo in detail.photos] for patient, detail in found.items()}
    assert photos == {
        NFC: [f"{NFC}-1.png"],
        f"{NFC} (2)": [f"{NFC} (2)-3.png"],
        f"{NFC} (3)": [f"{NFC}-0.png"],
        f"{NFC} (4)": [f"{NFC} -2.png"],
    }
    assert (found[NFC].sex, found[f"{NFC} (3)"].sex) == ("male", "female")


def test_disorders_and_genes_that_become_one_are_merged(
    database: Database, url: str, store: Store, go_back
) -> None:
    one, two, other = Disorder(NFD), Disorder(NFC), Disorder("A")
    store(new_photo("P0", 0, disorders=(one, two, other), genes=(NFC, NFD)))
    store(new_photo("P1", 1, disorders=(one,), genes=(NFD, "G")))
    store(new_photo("P2", 2, disorders=(two,), genes=(NFC,)))
    go_back()
    notes = upgrade_database(url).notes
    assert sorted(note.split()[1] for note in notes) == ["disorder", "gene"]
    with database.reading() as session:
        details = [reads.patient_detail(session, f"P{n}") for n in range(3)]
        genes = session.scalars(sa.select(t.Disorder).where(t.Disorder.code == NFC)).one().genes
        assert [gene.symbol for gene in genes] == ["G", NFC]
    assert [[code for code, _ in detail.disorders] for detail in details] == [
        *(["A", NFC], [NFC], [NFC])
    ]
    assert [list(detail.genes) for detail in details] == [[NFC], ["G", NFC], [NFC]]
    assert database.problems() == []


def test_back_and_again_changes_nothing(
    database: Database, url: str, store: Store, go_back
) -> None:
    store(new_photo(NFC, 0, disorders=(Disorder("A"),), genes=("G",)))
    for _ in range(2):
        go_back()
        assert database.revision() == BEFORE
        assert upgrade_database(url).notes == ()
    assert texts(database, t.Patient.external_id) == [NFC]


def test_a_merged_disorder_keeps_the_name_that_one_of_them_has(
    database: Database, url: str, store: Store, go_back
) -> None:
    store(new_photo("P0", 0, disorders=(Disorder(NFD),)))
    store(new_photo("P1", 1, disorders=(Disorder(NFC, "A name"),)))
    go_back()
    upgrade_database(url)
    assert texts(database, t.Disorder.name) == ["A name"]
