"""Filters: what is read from a text, and which photos are left."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from gestalt_space.errors import GalleryEmpty, UsageError
from gestalt_space.home import Gallery
from gestalt_space.match.answer import ProbePhoto
from gestalt_space.match.filters import EVERYBODY, PatientFilter, parse_filter
from gestalt_space.match.probe import Probe
from gestalt_space.match.question import Question
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.galleries import add, fill_once, make_home, open_gallery, row
from tests.prepared import Prepared


@pytest.fixture
def gallery(tmp_path: Path, tiny_store: ModelStore, prepared: Prepared) -> Iterator[Gallery]:
    """P0 and P1 of A, P1 of B too, P2 of B; P3 undiagnosed; P0 has photos at two ages."""
    photos = [made.photo_file(tmp_path / f"{n}.png", n) for n in range(5)]
    rows = [
        row(
            *(photos[0], "P0", "A"),
            sex="female",
            age=0.5,
            ancestry="European",
            genes=("G",),
            site="Clinic A",
        ),
        row(photos[1], "P0", "A", age=7.0, site="B", family="F1"),
        row(photos[2], "P1", "A", "B", sex="male", age=5.0, ancestry="East Asian", cohort="X"),
        row(photos[3], "P2", "B", ancestry="european", consent="research"),
        row(photos[4], "P3", sex="female"),
    ]
    home = make_home(tmp_path / "home", tiny_store)
    with open_gallery(fill_once(prepared, "among", home, *rows)) as opened:
        yield opened


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("age=0-5y", (0.0, 5.0)),
        ("age=18m-4y6m", (1.5, 4.5)),
        ("age=10-", (10.0, math.inf)),
        ("age=-2y", (0.0, 2.0)),
        ("age=0–5y", (0.0, 5.0)),
        ("age=4y2m-50m", (50 / 12, 50 / 12)),
        ("age=1y-12m", (1.0, 1.0)),
    ],
)
def test_ranges_of_ages(text: str, age: tuple[float, float]) -> None:
    assert parse_filter([text]).age == pytest.approx(age)


def test_texts_are_in_lower_case_and_disorders_in_their_one_spelling() -> None:
    found = parse_filter(["ancestry=European; East Asian", "disorder=omim:122470", "sex=F"])
    assert found.texts == (
        ("ancestry", frozenset({"european", "east asian"})),
        ("disorder", frozenset({"OMIM:122470"})),
        ("sex", frozenset({"female"})),
    )
    assert str(found) == "ancestry=east asian;european, disorder=OMIM:122470, sex=female"
    assert (
        str(parse_filter(["age=18m-50m;unknown", "sex=?"])) == "sex=unknown, age=18m-4y2m;unknown"
    )
    assert str(parse_filter(["age=10-"])) == "age=10y-"
    assert str(parse_filter(["age=-5"])) == "age=0-5y"
    assert not EVERYBODY
    assert PatientFilter(unknown_age=True)
    assert PatientFilter(age=(0.0, 1.0))


@pytest.mark.parametrize(
    "text",
    [
        "sex",
        "sex=",
        "shoe=42",
        "age=5",
        "age=--",
        "age=5-2",
        "age=0-1;2-3",
        "age=x-y",
        "sex=?!",
        "disorder=omim:1",
    ],
)
def test_what_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_filter([text])


def test_two_filters_on_one_thing_are_refused() -> None:
    for parts in (["sex=f", "sex=m"], ["age=0-1", "age=2-3"]):
        with pytest.raises(UsageError, match="two filters"):
            parse_filter(parts)


@pytest.mark.parametrize(
    ("parts", "left"),
    [
        (["sex=female"], {"A": ["P0", "P0"]}),
        (["ancestry=EUROPEAN"], {"A": ["P0", "P0"], "B": ["P2"]}),
        (["age=0-5y"], {"A": ["P0", "P1"], "B": ["P1"]}),
        (["age=5-7"], {"A": ["P0", "P1"], "B": ["P1"]}),
        (["cohort=x"], {"A": ["P1"], "B": ["P1"]}),
        (["consent=research"], {"B": ["P2"]}),
        # As it is written: nobody is of another family by case.
        (["family=F1"], {"A": ["P0", "P0"]}),
        (["family=f1"], {}),
        (["family=unknown"], {"A": ["P1"], "B": ["P1", "P2"]}),
        # A site is of the photo: of P0's two, one.
        (["site=clinic a"], {"A": ["P0"]}),
        (["site=b;unknown", "age=0-10"], {"A": ["P0", "P1"], "B": ["P1"]}),
        (["disorder=B"], {"A": ["P1"], "B": ["P1", "P2"]}),
        (["disorder=A;B", "sex=male;female", "age=6-"], {"A": ["P0"]}),
        (["sex=unknown"], {"B": ["P2"]}),
        (["sex=NA;male"], {"A": ["P1"], "B": ["P1", "P2"]}),
        (["ancestry=?"], {}),
        (["cohort=not known"], {"A": ["P0", "P0"], "B": ["P2"]}),
        (["consent=unknown", "age=unknown"], {}),
        (["age=unknown"], {"B": ["P2"]}),
        (["age=0-1y;unknown"], {"A": ["P0"], "B": ["P2"]}),
        (["age=84m-7y"], {"A": ["P0"]}),
        (["age=5y1d-6y364d"], {}),
    ],
)
def test_the_rows_that_fit_are_left(
    gallery: Gallery, parts: list[str], left: dict[str, list[str]]
) -> None:
    question = Question(among=parse_filter(parts))
    if not left:
        with pytest.raises(GalleryEmpty):
            gallery.view(question)
        return
    assert found_by(gallery, question) == left
    assert gallery.view(question).totals.lines == len(left)


def found_by(gallery: Gallery, question: Question) -> dict[str, list[str]]:
    """For each line the patients of the photos that are its evidence for some probe."""
    probe = Probe("probe", (ProbePhoto("probe"),), gallery.snapshot().descriptors[0], None)
    _, (match,) = gallery.answer([probe], question)
    return {
        id_: sorted(photo.patient for photo in gallery.evidence(probe, question, id_)[0].photos)
        for id_ in sorted(line.id for line in match.lines)
    }


def test_a_filter_on_disorders_holds_for_genes_and_patients(gallery: Gallery) -> None:
    by_patient = Question(by="patient", among=parse_filter(["disorder=B"]))
    assert list(found_by(gallery, by_patient)) == ["P1", "P2"]
    with pytest.raises(GalleryEmpty, match="gene"):
        gallery.view(Question(by="gene", among=parse_filter(["disorder=B"])))


def test_the_undiagnosed_are_asked_for_by_what_is_not_known(gallery: Gallery) -> None:
    for text, wanted in (("disorder=unknown", ["P3"]), ("disorder=A;unknown", ["P0", "P1", "P3"])):
        question = Question(by="patient", among=parse_filter([text]))
        assert list(found_by(gallery, question)) == wanted


def test_undiagnosed_patients_are_ranked_by_patient(gallery: Gallery) -> None:
    assert list(found_by(gallery, Question(by="patient"))) == ["P0", "P1", "P2", "P3"]


def test_a_filter_that_leaves_nothing_says_so(gallery: Gallery) -> None:
    with pytest.raises(GalleryEmpty, match="ancestry=nowhere"):
        gallery.view(Question(among=parse_filter(["ancestry=nowhere"])))
    with pytest.raises(GalleryEmpty):
        gallery.view(Question(among=parse_filter(["disorder=Z"])))


def test_what_was_corrected_counts_at_once(gallery: Gallery, tmp_path: Path) -> None:
    """Corrections are in the tail, what they correct is in the index."""
    add(gallery, row(tmp_path / "2.png", "P1", sex="female", age=9.0, site="Clinic C"), update=True)
    assert gallery.state().damage is None
    for parts, left in (
        (["sex=male"], {}),
        (["age=5-6"], {}),
        (["sex=female", "age=8y-"], {"A": ["P1"], "B": ["P1"]}),
        (["site=clinic c"], {"A": ["P1"], "B": ["P1"]}),
    ):
        question = Question(among=parse_filter(parts))
        if left:
            assert found_by(gallery, question) == left
        else:
            with pytest.raises(GalleryEmpty):
                gallery.view(question)
