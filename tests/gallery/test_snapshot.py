"""A state with everybody's name: rows joined to patients, disorders and genes."""

from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.errors import GalleryChanged
from gestalt_space.gallery.snapshot import Snapshot, load_snapshot
from gestalt_space.store import writes
from gestalt_space.store.people import By
from gestalt_space.types import Disorder
from tests.galleries import encoded_of, new_photo
from tests.gallery.kept import Kept, vector_of


def loaded(kept: Kept, *, by: By = "disorder", **options: bool) -> Snapshot:
    with kept.database.reading() as session:
        return load_snapshot(session, kept.state(), by=by, **options)


@pytest.fixture
def grown(kept: Kept) -> Kept:
    """An index with P0 to P3; then P4 came, P1 went, P0 got a second photo, U has no disorder."""
    kept.add(0, 1, 2, 3, sex="male", genes=("G",))
    kept.seal()
    kept.add(4)
    kept.remove(1)
    photos = [new_photo("P0", 100, age=4.0, site="Bonn"), new_photo("U", 101)]
    with kept.database.writing() as session:
        writes.add_photos(session, photos, space_id=kept.space.id)
    return kept


def test_a_snapshot_joins_rows_to_patients_and_disorders(grown: Kept) -> None:
    snapshot = loaded(grown)
    owner = {vector_of(n): f"P{n}" for n in (0, 2, 3, 4)}
    owner |= {
        encoded_of(new_photo("P0", 100)).descriptor.tobytes(): "P0",
        encoded_of(new_photo("U", 101)).descriptor.tobytes(): "U",
    }
    found = [owner[row.tobytes()] for row in snapshot.descriptors]
    assert len(snapshot) == len(set(owner)) == len(found)
    assert [snapshot.patients[int(place)] for place in snapshot.patient_of_row] == found
    assert snapshot.patients == ("P0", "P2", "P3", "P4", "U")
    assert [id_ for id_, _ in snapshot.lines.titles] == ["D0", "D1", "D2"]
    grouping = snapshot.lines.grouping
    groups = [
        sorted(found[row] for row in grouping.rows_of_patients(grouping.members_of(group)))
        for group in range(len(snapshot.lines.titles))
    ]
    assert groups == [["P0", "P0", "P3"], ["P4"], ["P2"]]
    assert [snapshot.patient(name) for name in ("P2", "U", "P1", "Z")] == [1, 4, None, None]
    assert snapshot.people is None
    assert snapshot.ids.tolist() == sorted(snapshot.ids.tolist())


@pytest.mark.parametrize(("by", "lines"), [("gene", ["G"]), ("patient", ["P0", "P2", "P3", "P4"])])
def test_genes_and_patients_are_ranked_too(by: By, lines: list[str], grown: Kept) -> None:
    titles = [id_ for id_, _ in loaded(grown, by=by).lines.titles]
    assert titles == (lines if by == "gene" else [*lines, "U"])


def test_with_details_it_says_what_is_known_of_all(grown: Kept) -> None:
    snapshot = loaded(grown, details=True)
    assert snapshot.people is not None
    assert snapshot.photos is not None
    assert snapshot.belongings is not None
    assert snapshot.people.sex.tolist() == ["male", "male", "male", "", ""]
    place = snapshot.descriptors.tolist().index(
        encoded_of(new_photo("P0", 100)).descriptor.tolist()
    )
    assert snapshot.photos.ages[place] == 4.0
    assert snapshot.photos.sites[place] == "Bonn"
    assert snapshot.belongings.disorders == (("D0",), ("D2",), ("D0",), ("D1",), ())
    assert snapshot.belongings.genes == (("G",), ("G",), ("G",), (), ())


def test_relatives_are_one_family_unless_they_are_let_in(kept: Kept) -> None:
    kept.add(0, 1, family="F")
    kept.add(2)
    assert len(set(loaded(kept).lines.grouping.families.tolist())) == 2
    assert len(set(loaded(kept, with_family=True).lines.grouping.families.tolist())) == 3


def test_what_is_removed_before_it_is_read_is_not_taken_for_numbers(kept: Kept) -> None:
    kept.add(0, 1, 2)
    kept.seal()
    state, snapshot = kept.state(), loaded(kept)
    kept.remove(1)
    with kept.database.reading() as session, pytest.raises(GalleryChanged):
        load_snapshot(session, state)
    assert len(snapshot.descriptors) == 3, "nothing was overwritten yet"
    kept.seal()
    with pytest.raises(GalleryChanged):
        snapshot.descriptors  # noqa: B018 - reading it raises


def test_a_disorder_whose_name_was_corrected_has_the_new_one(kept: Kept) -> None:
    kept.add(0)
    photo = new_photo("P0", 0, disorders=(Disorder("D0", "Other name"),))
    with kept.database.writing() as session:
        writes.add_photos(session, [photo], space_id=kept.space.id, update=True)
    assert loaded(kept).lines.titles == (("D0", "Other name"),)
    assert np.array_equal(loaded(kept).lines.keys, [1])
