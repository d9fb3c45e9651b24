"""Rows by their keys and names."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gestalt_space.errors import NotInGallery
from gestalt_space.store import lookups, reads
from gestalt_space.store import tables as t
from gestalt_space.store.engine import Database
from gestalt_space.types import Disorder
from tests.galleries import encoded_of, new_photo
from tests.store.conftest import Store


def test_names_are_those_of_the_keys_asked_for(database: Database, store: Store) -> None:
    store(
        new_photo("P0", 0, disorders=(Disorder("A", "a name"), Disorder("B")), genes=("G", "H")),
        new_photo("P1", 1, family="F"),
        new_photo("P2", 2, family="F"),
    )
    with database.reading() as session:
        p0, p1, p2 = (lookups.find_patient(session, f"P{n}") for n in range(3))
        assert None not in (p0, p1, p2)
        assert lookups.find_patient(session, "p0") is None
        keys = np.array([p0, p2, 99], np.int64)
        assert lookups.patient_names_of(session, keys) == {p0: "P0", p2: "P2"}
        assert lookups.titles_of(session, "patient", keys) == {p0: ("P0", ""), p2: ("P2", "")}
        disorders = lookups.disorder_keys(session, ["A", "B", "C"])
        assert sorted(disorders) == ["A", "B"]
        assert lookups.titles_of(session, "disorder", np.array(list(disorders.values()))) == {
            disorders["A"]: ("A", "a name"),
            disorders["B"]: ("B", ""),
        }
        genes = lookups.titles_of(session, "gene", [1, 2, 3])
        assert sorted(genes.values()) == [("G", ""), ("H", "")]
        assert lookups.photo_names_of(session, np.array([3, 1])) == {1: "P0-0.png", 3: "P2-2.png"}
        assert lookups.family_members(session, "F") == [(p1, "P1"), (p2, "P2")]
        assert lookups.family_members(session, "f") == []


def test_names_alike_are_found_as_a_reader_sees_them(database: Database, store: Store) -> None:
    store(
        new_photo("Anna B", 0, disorders=(Disorder("OMIM:1"),)),
        new_photo("anna  b", 1),
        new_photo("Anna", 2, disorders=(Disorder("Straße"),)),
    )
    with database.reading() as session:
        found = lookups.patients_like(session, ["ANNA B", "nobody"])
        assert sorted(found) == ["Anna B", "anna  b"]
        assert lookups.disorders_like(session, ["omim:1", "STRASSE"]) == ["OMIM:1", "Straße"]
        assert lookups.patients_like(session, []) == []


def test_the_owner_of_a_face_comes_with_key_and_family(database: Database, store: Store) -> None:
    photos = [new_photo("P0", 0, family="F"), new_photo("P1", 1)]
    store(*photos)
    with database.reading() as session:
        for photo, family in zip(photos, ("F", None), strict=True):
            patient = photo.record.patient
            key = lookups.find_patient(session, patient)
            own = reads.patient_of_face(session, photo.sha256, encoded_of(photo).face)
            assert own == reads.OwnPatient(key, patient, family)


def test_a_photo_has_its_path_its_sha256_and_its_file_name(
    database: Database, store: Store
) -> None:
    paths = ("a/1.png", "1.png", "a/2.png", "b/2.png", "deadbeef")
    photos = [new_photo("P0", n, sha256=f"{n:08x}{'c' * 56}") for n in range(len(paths))]
    named = [
        replace(photo, record=replace(photo.record, photo=path))
        for photo, path in zip(photos, paths, strict=True)
    ]
    store(*named, new_photo("P1", 9))
    with database.reading() as session:

        def name(of: str) -> str:
            key = lookups.photo_of(session, "P0", of)
            return session.get_one(t.Photo, key).name

        assert [name(path) for path in paths] == list(paths)
        assert name(photos[2].sha256) == name("00000002") == name("00000002C") == "a/2.png"
        for unknown in ("0000002", "png", "P1-9.png", ".png", ""):
            with pytest.raises(NotInGallery, match="Patient 'P0' has no photo"):
                name(unknown)
        with pytest.raises(NotInGallery) as refused:
            name("2.png")
    assert "a/2.png (sha256 00000002cccc), b/2.png (sha256 00000003cccc)" in refused.value.message
