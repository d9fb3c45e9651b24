"""What a correction changes, every open reader sees at once, and the index on disk follows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sqlalchemy.orm import Session

from gestalt_space.gallery.people import People
from gestalt_space.gallery.reader import Reader
from gestalt_space.gallery.state import GalleryState
from gestalt_space.index.manifest import open_arrays
from gestalt_space.store import correcting, removals, undoing
from gestalt_space.store.lookups import find_patient, patient_names_of
from gestalt_space.types import Disorder, PhotoRecord
from tests.galleries import files_with
from tests.gallery.kept import Kept, vector_of

pytestmark = pytest.mark.usefixtures("_soon")


def seen(
    kept: Kept, state: GalleryState
) -> dict[str, tuple[set[bytes], tuple[float, ...], tuple[int, ...]]]:
    """Of everybody who can be matched: descriptors, their mean, and keys of disorders."""
    rows = np.flatnonzero(state.patients >= 0)
    vectors = dict(zip(rows.tolist(), state.vectors_at(rows), strict=True))
    keys = np.unique(state.patients[rows])
    assert state.means.keys.tolist() == keys.tolist()
    means = state.means.of(np.arange(len(keys)))
    which, disorders = state.people.groups_of("disorder", keys)
    with kept.database.reading() as session:
        names = patient_names_of(session, keys)
    return {
        names[key]: (
            {vectors[row].tobytes() for row in rows[state.patients[rows] == key].tolist()},
            tuple(np.round(means[place], 5).tolist()),
            tuple(sorted(disorders[which == place].tolist())),
        )
        for place, key in enumerate(keys.tolist())
    }


def change(kept: Kept, work: Callable[[Session], object]) -> None:
    with kept.database.writing() as session:
        work(session)


def set_consent(kept: Kept, patient: str, consent: str) -> None:
    record = PhotoRecord("", patient, consent=consent)
    change(kept, lambda session: correcting.set_facts(session, patient, record))


def keys_on_disk(kept: Kept) -> set[int]:
    parts = tuple(open_arrays(kept.folder, record) for record in kept.manifest().people)
    return set(People(parts).pairs("patient")[0].tolist())


@pytest.fixture
def sealed(kept: Kept) -> Kept:
    """Six patients with a photo each, on disk."""
    kept.add(*range(6))
    kept.seal()
    return kept


def test_every_step_reads_as_the_database_does(sealed: Kept) -> None:
    open_reader = Reader(sealed.database, sealed.folder)
    from_nothing = Reader(sealed.database, sealed.home / "nowhere")
    other = PhotoRecord("", "P5", (Disorder("D9"),))
    for step in (
        lambda session: correcting.move_photo(session, "P1-1.png", of="P1", to="P2"),
        undoing.undo,
        lambda session: correcting.merge_patients(session, "P0", "P3"),
        undoing.undo,
        lambda session: correcting.merge_patients(session, "P4", "P1"),
        lambda session: correcting.split_patient(session, "P4", ["P4-4.png"], "P1"),
        lambda session: correcting.set_facts(session, "P5", other),
        undoing.undo,
        undoing.undo,
        undoing.undo,
    ):
        change(sealed, step)
        true = seen(sealed, from_nothing.current(sealed.space))
        assert seen(sealed, open_reader.current(sealed.space)) == true
        sealed.keeper().purge()
        assert seen(sealed, open_reader.current(sealed.space)) == true
        assert seen(sealed, sealed.state()) == true
        sealed.check()
    assert {name: len(one[0]) for name, one in true.items()} == {
        **dict.fromkeys(("P0", "P1", "P2", "P3", "P4", "P5"), 1)
    }


def test_without_consent_nobody_is_matched_by_any_open_reader(sealed: Kept) -> None:
    open_reader = Reader(sealed.database, sealed.folder)
    state = open_reader.current(sealed.space)
    assert seen(sealed, state)["P3"][0] == {vector_of(3)}
    set_consent(sealed, "P3", "withdrawn")
    assert not open_reader.is_current(state)
    assert "P3" not in seen(sealed, open_reader.current(sealed.space))
    assert open_reader.current(sealed.space).totals("disorder").patients == 5
    assert files_with(sealed.folder, vector_of(3))
    sealed.keeper().purge()
    assert files_with(sealed.folder, vector_of(3)) == []
    assert "P3" not in seen(sealed, sealed.state())
    sealed.seal(rebuild=True)
    assert files_with(sealed.folder, vector_of(3)) == []
    set_consent(sealed, "P3", "research")
    assert seen(sealed, open_reader.current(sealed.space))["P3"][0] == {vector_of(3)}
    sealed.seal()
    assert seen(sealed, sealed.state())["P3"][0] == {vector_of(3)}


def test_who_comes_back_does_not_hide_who_left(sealed: Kept) -> None:
    """Both at once leave as many patients as there were."""
    set_consent(sealed, "P5", "withdrawn")
    sealed.keeper().purge()
    with sealed.database.reading() as session:
        keys = {name: find_patient(session, name) for name in ("P1", "P5")}
    change(sealed, lambda session: correcting.merge_patients(session, "P4", "P1"))
    sealed.keeper().purge()
    assert keys_on_disk(sealed) & set(keys.values()) == {keys["P5"]}
    change(sealed, undoing.undo)
    change(sealed, lambda session: removals.remove_patients(session, ["P5"]))
    sealed.keeper().purge()
    assert keys["P5"] not in keys_on_disk(sealed)
    assert "P1" in seen(sealed, sealed.state())
