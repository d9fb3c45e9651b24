"""Removals look at what was removed alone, and leave nothing unused behind all the same."""

from __future__ import annotations

import numpy as np
import pytest
import sqlalchemy as sa

from gestalt_space.errors import NotInGallery
from gestalt_space.store import reads, removals, writes
from gestalt_space.store import tables as t
from gestalt_space.store.engine import Database
from gestalt_space.types import Disorder
from tests.galleries import new_photo
from tests.store.conftest import Store


def unused(database: Database) -> list[str]:
    """What nobody has, by a look at everything."""
    links, held = t.disorder_gene.c.gene_id, t.patient_gene.c.gene_id
    with database.reading() as session:
        return [
            *session.scalars(
                sa.select(t.Disorder.code).where(
                    t.Disorder.id.not_in(sa.select(t.Diagnosis.disorder_id))
                )
            ),
            *session.scalars(
                sa.select(t.Gene.symbol).where(
                    t.Gene.id.not_in(sa.select(links)), t.Gene.id.not_in(sa.select(held))
                )
            ),
            *session.scalars(
                sa.select(t.Patient.external_id).where(
                    t.Patient.id.not_in(sa.select(t.Photo.patient_id))
                )
            ),
        ]


@pytest.mark.parametrize("seed", range(4))
def test_nothing_unused_is_left_by_any_row_of_writes(
    database: Database, space_id: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    kinds: set[str] = set()
    for number in range(60):
        patient = f"P{rng.integers(5)}"
        kind = str(rng.choice(["add", "update", "update", "patient", "photo"]))
        disorders = tuple(Disorder(f"D{n}") for n in rng.integers(0, 4, rng.integers(3)))
        genes = tuple(f"G{n}" for n in {*rng.integers(0, 5, rng.integers(3)).tolist()})
        with database.writing() as session:
            names = session.scalars(sa.select(t.Patient.external_id)).all()
            if kind in ("add", "update"):
                facts = {"disorders": tuple(dict.fromkeys(disorders)), "genes": genes}
                photo = new_photo(patient, number if kind == "add" else number // 3, **facts)
                writes.add_photos(session, [photo], space_id=space_id, update=bool(rng.integers(2)))
            elif kind == "patient" and patient in names:
                removals.remove_patients(session, [patient])
            elif kind == "photo" and patient in names:
                photos = reads.patient_detail(session, patient).photos
                removals.remove_photos(session, [photos[0].sha256])
            else:
                continue
        kinds.add(kind)
        assert unused(database) == []
    assert len(kinds) == 4


def test_a_patient_without_photos_goes_with_the_last_of_them_alone(
    database: Database, store: Store
) -> None:
    """One who had none before is none of this command's business."""
    store(new_photo("P0", 0), new_photo("P0", 1), new_photo("P1", 2))
    with database.writing() as session:
        session.add(t.Patient(external_id="P2"))
    for photo, patients in (("P0-0.png", 0), ("P0-1.png", 1)):
        with database.writing() as session:
            gone = removals.remove_photos(session, [photo])
        assert gone == removals.Removed(patients=patients, photos=1)
    with database.reading() as session:
        left = session.scalars(sa.select(t.Patient.external_id).order_by(t.Patient.id)).all()
    assert left == ["P1", "P2"]


@pytest.mark.parametrize("digits", [8, 9, 63, 64])
@pytest.mark.parametrize("case", [str.upper, str.lower])
def test_the_start_of_a_sha256_names_one_photo(
    database: Database, store: Store, digits: int, case
) -> None:
    # What comes right before and after in the order of texts is another photo's.
    shas = ["a" * 7 + "9" + "f" * 56, "a" * 8 + "f" * 56, "a" * 7 + "b" + "0" * 56]
    store(*(new_photo(f"P{n}", n, sha256=sha) for n, sha in enumerate(shas)))
    with database.writing() as session:
        removals.remove_photos(session, [case(shas[1][:digits])])
        left = session.scalars(sa.select(t.Photo.sha256).order_by(t.Photo.id)).all()
        assert left == [shas[0], shas[2]]
        with pytest.raises(NotInGallery):
            removals.remove_photos(session, ["a" * 7])
