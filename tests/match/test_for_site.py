"""What another hospital is answered, and what it is not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_space.errors import DescriptorError, GestaltError, NotShared, SpaceMismatch
from gestalt_space.home import Gallery
from gestalt_space.match import for_site
from gestalt_space.match.for_site import SiteQuestion, coarse
from gestalt_space.store.writes import NewPhoto
from gestalt_space.weights.store import ModelStore
from tests.galleries import open_gallery
from tests.hospitals import PROBE, SHARED, at, fill, patient

A, B, C = "OMIM:122470", "ORPHA:199", "OMIM:147920"
Opens = Callable[[Sequence[NewPhoto]], Gallery]


@pytest.fixture
def opens(tmp_path: Path, tiny_store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> object:
    """Opens a gallery of some patients, which answers about two of a disorder or more."""
    monkeypatch.setenv("GESTALT_SITE_CONSENTS", f'["{SHARED}"]')
    monkeypatch.setenv("GESTALT_SITE_LEAST_PATIENTS", "2")
    with ExitStack() as opened:
        homes = iter(range(9))

        def open_one(photos: Sequence[NewPhoto]) -> Gallery:
            home = fill(tmp_path / f"home{next(homes)}", tiny_store, photos)
            return opened.enter_context(open_gallery(home))

        yield open_one


def asks(gallery: Gallery, **options: object) -> SiteQuestion:
    return replace(SiteQuestion(gallery.space.fingerprint, PROBE), **options)


def shown(gallery: Gallery, **options: object) -> list[tuple[str, float, int]]:
    answer = gallery.answer_site(asks(gallery, **options))
    return [(line.id, line.similarity, line.patients_at_least) for line in answer.lines]


@given(st.integers(1, 10**12))
def test_counts_are_rounded_down_to_one_two_or_five(count: int) -> None:
    told = coarse(count)
    assert told <= count < 2.5 * told
    assert str(told).rstrip("0") in ("1", "2", "5")
    assert coarse(0) == 0


def test_lines_rest_on_patients_whose_consent_covers_it(opens: Opens) -> None:
    gallery = opens(
        [
            patient("P0", A, 0.5, 0),
            patient("P1", A, 0.412, 1, consent=SHARED.upper()),
            patient("P2", A, 0.6, 2, consent="research"),
            patient("P3", A, 0.7, 3, consent=None),
            patient("P4", B, 0.65, 4, consent="withdrawn?"),
            patient("P5", B, 0.3, 5),
            patient("P6", B, 0.2, 6),
        ]
    )
    assert shown(gallery) == [(A, 0.5, 2), (B, 0.3, 2)]


def test_lines_with_too_few_patients_are_not_listed_and_others_take_their_place(
    opens: Opens,
) -> None:
    both = patient("P9", A, 0.4, 9)
    both = replace(both, record=replace(both.record, disorders=(*both.record.disorders, "X")))
    few = [patient("P0", C, 0.7, 0)]
    enough = [patient(f"P{n}", A, 0.4 + n / 100, n) for n in (1, 2, 3)]
    enough += [patient(f"P{n}", B, 0.3, n) for n in (4, 5)]
    gallery = opens([*few, *enough])
    assert shown(gallery, k=2) == [(A, 0.43, 2), (B, 0.3, 2)]
    answer = gallery.answer_site(asks(gallery))
    assert (answer.least_patients, answer.patients_at_least) == (2, 5)
    assert [line.rank for line in answer.lines] == [1, 2]


def test_a_patient_of_a_small_line_too_does_not_shorten_the_list(opens: Opens) -> None:
    two = patient("P0", A, 0.7, 0)
    also = patient("P0", C, 0.7, 0).record.disorders
    two = replace(two, record=replace(two.record, disorders=(*two.record.disorders, *also)))
    rest = [patient("P1", A, 0.4, 1), patient("P2", B, 0.3, 2), patient("P3", B, 0.2, 3)]
    assert shown(opens([two, *rest]), k=2) == [(A, 0.7, 2), (B, 0.3, 2)]


def test_genes_are_ranked_too(opens: Opens) -> None:
    photos = [patient(f"P{n}", A, 0.5, n, genes=("NIPBL",)) for n in range(2)]
    assert shown(opens(photos), by="gene") == [("NIPBL", 0.5, 2)]


@pytest.mark.parametrize("similarity", [1.0, 0.97, 0.81])
def test_the_answer_does_not_tell_whether_the_person_is_there(
    opens: Opens, similarity: float
) -> None:
    """Nor does it by their family, or where a line would have too few patients without them."""
    rest = [patient(f"P{n}", A, 0.4 + n / 100, n, family=f"F{n}") for n in range(5)]
    rest += [patient(f"P{n}", B, 0.3, n) for n in (5, 6)]
    without = opens(rest).answer_site(asks(opens(rest)))
    them = [patient("X", A, similarity, 20, family="F"), patient("Y", A, 0.7, 21, family="F")]
    gallery = opens([*rest, *them])
    answer = gallery.answer_site(asks(gallery))
    assert [asdict(line) for line in answer.lines] == [asdict(line) for line in without.lines]


def test_a_line_keeps_its_count_whoever_is_left_out(opens: Opens) -> None:
    gallery = opens([patient("P0", A, 0.99, 0), patient("P1", A, 0.4, 1)])
    assert shown(gallery) == [(A, 0.4, 2)]


def test_many_photos_of_the_person_are_all_left_out(
    opens: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(for_site, "_FIRST", 2)
    them = [patient(f"X{n}", A, 0.9, n) for n in range(20)]
    rest = [patient(f"P{n}", A, 0.4, 30 + n) for n in range(3)]
    assert shown(opens([*them, *rest])) == [(A, 0.4, 20)]


def test_nothing_is_answered_unless_consents_are_named(
    opens: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GESTALT_SITE_CONSENTS")
    gallery = opens([patient(f"P{n}", A, 0.5, n) for n in range(2)])
    with pytest.raises(NotShared, match="does not answer other hospitals"):
        gallery.answer_site(asks(gallery))
    assert [event.action for event in gallery.log()] == ["add"]


def test_an_empty_answer_where_nobody_consents(opens: Opens) -> None:
    gallery = opens([patient("P0", A, 0.5, 0, consent="research")])
    answer = gallery.answer_site(asks(gallery))
    assert (answer.lines, answer.patients_at_least) == ((), 0)


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"fingerprint": "0" * 64}, SpaceMismatch, "000000000000"),
        ({"descriptor": at(0.5, 1)[:8]}, DescriptorError, r"\(n, 16\)"),
        ({"descriptor": 2 * PROBE}, DescriptorError, "unit length"),
        ({"descriptor": np.full(16, np.nan, np.float32)}, DescriptorError, "finite"),
    ],
)
def test_a_descriptor_that_cannot_be_compared(
    opens: Opens, options: dict[str, object], error: type[GestaltError], told: str
) -> None:
    gallery = opens([patient(f"P{n}", A, 0.5, n) for n in range(2)])
    with pytest.raises(error, match=told) as refused:
        gallery.answer_site(asks(gallery, **options))
    if error is SpaceMismatch:
        assert gallery.space.fingerprint[:12] in refused.value.message


def test_the_trail_says_who_asked_and_nothing_about_the_probe(opens: Opens) -> None:
    gallery = opens([patient(f"P{n}", A, 0.5, n) for n in range(2)])
    gallery.acting_for("hospital-a").answer_site(asks(gallery))
    (event,) = gallery.log(newest=1)
    assert (event.actor, event.action, event.patients) == ("hospital-a", "answer", ())
    assert event.detail == {"space": gallery.space.fingerprint, "lines": 1}
    assert event.told == ("space of tiny", "1 line")
