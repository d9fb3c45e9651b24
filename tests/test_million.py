"""The made-up gallery of the benchmarks: it lies as it says, and a match finds its people."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np

from benchmarks.million import fill_gallery, make_population
from gestalt_space import Gallery
from gestalt_space.gallery.pipeline import PhotoSource


def test_photos_are_as_similar_as_people_are_close() -> None:
    people = make_population(3_000, dim=512, seed=1)
    vectors = people.vectors()
    probes, patients = people.held_out(200)
    similarities = probes @ vectors.T
    same = patients[:, None] == people.patient_of_row
    disorder = people.disorder_of_patient
    probe_disorder, row_disorder = disorder[patients], disorder[people.patient_of_row]
    alike = (probe_disorder[:, None] == row_disorder) & (probe_disorder >= 0)[:, None] & ~same
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert abs(similarities[same].mean() - 0.60) < 0.03
    assert abs(similarities[alike].mean() - 0.25) < 0.03
    assert abs(similarities[~same & ~alike].mean() - 0.05) < 0.03


def test_the_slots_of_a_descriptor_are_as_long_as_each_other() -> None:
    vectors = make_population(50, dim=32, slots=3).vectors()
    lengths = np.linalg.norm(vectors.reshape(50, 3, 32), axis=2)
    assert vectors.shape == (50, 96)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.allclose(lengths, 3**-0.5, atol=1e-5)


def test_everybody_has_a_photo_and_every_disorder_a_patient() -> None:
    people = make_population(5_000, dim=8, patients=900, disorders=80)
    assert set(people.patient_of_row) == set(range(900))
    assert set(people.disorder_of_patient) == set(range(-1, 80))


def test_the_same_numbers_in_memory_and_in_a_file(tmp_path: Path) -> None:
    people = make_population(300, dim=16)
    kept = people.vectors(tmp_path / "vectors.npy")
    assert np.array_equal(kept, people.vectors())
    assert np.array_equal(kept, make_population(300, dim=16).vectors())


def test_a_match_finds_whose_photo_a_probe_is(tmp_path: Path) -> None:
    people = fill_gallery(tmp_path, 600, dim=512)
    probes, patients = people.held_out(64)
    number = int(np.flatnonzero(people.disorder_of_patient[patients] >= 0)[0])
    with sqlite3.connect(tmp_path / "gallery.sqlite3") as database:
        assert not database.execute("PRAGMA foreign_key_check").fetchall()
        rows = database.execute(
            "SELECT vector FROM descriptor JOIN photo ON photo.id = face_id WHERE patient_id = ?",
            (int(patients[number]) + 1,),
        )
        own = np.stack([np.frombuffer(vector, np.float32) for (vector,) in rows])
    photo = PhotoSource("probe", tmp_path / f"probe-{number:03d}.png")
    with Gallery.open(tmp_path, detector="aligned") as gallery:
        (found,) = gallery.match([photo])
    best = found.lines[0]
    assert best.id == f"OMIM:{100_000 + people.disorder_of_patient[patients[number]]}"
    assert abs(best.similarity - (own @ probes[number]).max()) < 1e-4
