"""What may be evidence: counts without a probe's family are those of a view without them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from gestalt_space.errors import GalleryEmpty, NotInGallery
from gestalt_space.gallery.state import GalleryState
from gestalt_space.match.filters import parse_filter
from gestalt_space.match.question import Question
from gestalt_space.match.view import (
    NO_FAMILY,
    NOBODY,
    GalleryView,
    OwnFamily,
    open_view,
    own_family_of,
)
from gestalt_space.ranking.calibration import references_of
from gestalt_space.store import reads, writes
from gestalt_space.store.people import By
from gestalt_space.store.reads import OwnPatient
from gestalt_space.types import Disorder
from tests.galleries import new_photo
from tests.gallery.kept import Kept

CORRELATION = 0.4
BYS: tuple[By, ...] = ("disorder", "gene", "patient")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    """Twelve patients with one to three photos: three families, a third without a disorder, half in
    the index and half in the tail."""
    opened = Kept(tmp_path_factory.mktemp("view"))
    for half in (range(6), range(6, 12)):
        photos = [
            new_photo(
                f"P{n}",
                100 * n + photo,
                crop=False,
                disorders=() if n % 3 == 2 else (Disorder(f"D{n % 4}"), Disorder(f"D{n % 5}")),
                genes=(f"G{n % 2}",) if n % 4 else (),
                sex=("male", "female", None)[n % 3],
                family=(f"F{n // 3}") if n < 9 else None,
                age=float(photo),
            )
            for n in half
            for photo in range(1 + n % 3)
        ]
        with opened.database.writing() as session:
            stored = writes.add_photos(session, photos, space_id=opened.space.id)
        assert all(one.error is None for one in stored)
        if not half.start:
            opened.seal()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def state(kept: Kept) -> GalleryState:
    made = kept.state()
    made.calibration = SimpleNamespace(photo_correlation=CORRELATION)  # type: ignore[assignment]
    return made


@pytest.fixture(scope="module")
def keys(kept: Kept) -> dict[str, int]:
    with kept.database.reading() as session:
        return {name: key for key, name in reads.patient_names(session).items()}


QUESTIONS = (
    Question(),
    Question(without=("P0", "P7")),
    Question(family="F1"),
    Question(among=parse_filter(["sex=male;female"])),
    Question(among=parse_filter(["age=0-1"]), without=("P3",), family="F2"),
)


@pytest.mark.parametrize("by", BYS)
@pytest.mark.parametrize("question", QUESTIONS, ids=range(len(QUESTIONS)))
def test_counts_are_those_of_plain_loops(
    by: By, question: Question, kept: Kept, state: GalleryState, keys: dict[str, int]
) -> None:
    question = replace(question, by=by)
    with kept.database.reading() as session:
        view = open_view(state, question, session)
    photos: dict[int, int] = {}
    for row, patient in enumerate(state.patients.tolist()):
        is_eligible = view.rows is None or view.rows[row]
        if is_eligible and patient not in view.excluded:
            photos[patient] = photos.get(patient, 0) + 1
    groups: dict[int, set[int]] = {}
    for patient in photos:
        for group in state.people.groups_of(by, np.array([patient]))[1].tolist():
            groups.setdefault(group, set()).add(patient)
    ranked = set().union(*groups.values())
    assert view.totals.lines == len(groups)
    assert view.totals.patients == len(ranked)
    assert view.totals.photos == sum(photos[patient] for patient in ranked)
    for group, members in groups.items():
        counts = sorted(photos[patient] for patient in members)
        assert sorted(view.photos_of(group, NO_FAMILY).tolist()) == counts
    everybody = np.array(sorted(keys.values()))
    assert set(view.ranked(everybody).tolist()) == ranked
    there, references = view.references
    for group, value in zip(there.tolist(), references.tolist(), strict=True):
        counts = np.array([photos[patient] for patient in groups.get(group, ())])
        assert value == pytest.approx(references_of(counts, CORRELATION).sum() if groups else 0)


@pytest.mark.parametrize("by", BYS)
@pytest.mark.parametrize("question", QUESTIONS, ids=range(len(QUESTIONS)))
@pytest.mark.parametrize("relatives", [[], ["P1"], ["P0", "P1", "P2"], ["P4", "P11"], ["P8"]])
def test_a_probe_s_kin_are_left_out_as_though_they_were_not_there(
    by: By,
    question: Question,
    relatives: list[str],
    kept: Kept,
    state: GalleryState,
    keys: dict[str, int],
) -> None:
    question = replace(question, by=by)
    with kept.database.reading() as session:
        view = open_view(state, question, session)
    of = OwnFamily(np.array(sorted(keys[one] for one in relatives), np.int64), {})
    without = GalleryView(
        state, question, excluded=np.union1d(view.excluded, of.keys), rows=view.rows
    )
    assert view.eligible(of) == without.totals
    groups, references = view.references_without(of)
    assert groups.tolist() == without.references[0].tolist()
    assert references == pytest.approx(without.references[1])
    for group in groups.tolist():
        photos = without.photos_of(group, NO_FAMILY).tolist()
        assert sorted(view.photos_of(group, of).tolist()) == sorted(photos)
        for _ in range(2):  # what is known of before, too
            expected = without.references_of(group, NO_FAMILY)
            assert view.references_of(group, of) == pytest.approx(expected)


def test_kin_are_the_patient_and_the_family(kept: Kept, keys: dict[str, int]) -> None:
    own = OwnPatient(keys["P4"], "P4", "F1")
    with kept.database.reading() as session:
        family = own_family_of(session, own, with_family=False)
        alone = own_family_of(session, own, with_family=True)
        without = own_family_of(session, replace(own, family=""), with_family=False)
        nobody = own_family_of(session, None, with_family=False)
    assert family.keys.tolist() == sorted(keys[one] for one in ("P3", "P4", "P5"))
    assert family.names == {keys["P3"]: "P3", keys["P5"]: "P5"}
    assert alone.keys.tolist() == without.keys.tolist() == [keys["P4"]]
    assert alone.names == without.names == {}
    assert nobody is NO_FAMILY
    assert not len(NOBODY)


def test_the_family_that_is_named_is_left_out_with_those_who_could_be_evidence(
    kept: Kept, state: GalleryState, keys: dict[str, int]
) -> None:
    with kept.database.reading() as session:
        view = open_view(state, Question(family="F0"), session)
    assert view.excluded.tolist() == sorted(keys[one] for one in ("P0", "P1", "P2"))
    # P2 has no disorder, and would be no evidence.
    assert set(view.relatives.values()) == {"P0", "P1"}


@pytest.mark.parametrize(
    ("question", "error", "told"),
    [
        (Question(without=("Z",)), NotInGallery, "'Z'"),
        (Question(family="Z"), NotInGallery, "'Z'"),
        (Question(without=tuple(f"P{n}" for n in range(12))), GalleryEmpty, "Without P0"),
        (Question(among=parse_filter(["sex=unknown"])), GalleryEmpty, "filter sex=unknown"),
        (
            Question(among=parse_filter(["family=F1"]), family="F1"),
            GalleryEmpty,
            "Without the family F1",
        ),
    ],
)
def test_what_leaves_nothing_is_told(
    question: Question, error: type[Exception], told: str, kept: Kept, state: GalleryState
) -> None:
    with kept.database.reading() as session, pytest.raises(error, match=told):
        open_view(state, question, session)
