"""Who a classifier is trained on."""

from __future__ import annotations

from pathlib import Path

import pytest

from gestalt_space.errors import UsageError
from gestalt_space.training.classifier.labels import read_binary, read_disorders, read_genes
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.galleries import add, make_home, open_gallery, row, statuses


@pytest.fixture
def home(tmp_path: Path, tiny_store: ModelStore) -> Path:
    """Six patients with A, six with B, of whom two are of one family, and some others."""
    people: list[tuple[str, tuple[str, ...], dict[str, object]]] = [
        (f"A{number}", ("A",), {"genes": ("G1" if number < 3 else "G2",)}) for number in range(6)
    ]
    people += [(f"B{number}", ("B",), {"family": f"F{number // 2}"}) for number in range(2)]
    people += [(f"B{number}", ("B",), {}) for number in range(2, 7)]
    people += [
        ("both", ("A", "C"), {"genes": ("G1", "G2")}),
        ("relative", ("C",), {"family": "F0"}),
        ("stranger", ("C",), {}),
        ("nobody-knows", (), {}),
    ]
    folder = make_home(tmp_path / "home", tiny_store)
    rows = [
        row(made.photo_file(tmp_path / f"{number}.png", number), patient, *codes, **facts)
        for number, (patient, codes, facts) in enumerate(people)
    ]
    with open_gallery(folder) as gallery:
        assert statuses(add(gallery, *rows)) == ["added"] * len(rows)
    return folder


def names(labelled, number: int) -> set[str]:
    faces = labelled.faces
    return {
        patient
        for patient, own in zip(faces.patients, faces.disorders, strict=True)
        if own == number
    }


def test_a_disorder_against_all_others(home: Path) -> None:
    labelled = read_binary(home, ["A"], [])
    assert names(labelled, 0) == {*(f"A{number}" for number in range(6)), "both"}
    assert names(labelled, 1) == {*(f"B{number}" for number in range(7)), "relative", "stranger"}
    assert labelled.others is None
    assert [one.id for one in labelled.answers] == ["A", "others"]
    assert dict(labelled.faces.left_out) == {"without a disorder": 1}


def test_strangers_are_no_relatives_of_those_who_are_trained_on(home: Path) -> None:
    labelled = read_binary(home, ["A"], ["B"])
    assert names(labelled, 1) == {f"B{number}" for number in range(7)}
    assert labelled.others is not None
    assert labelled.others.patients == ("stranger",)
    families = labelled.faces.families[[labelled.faces.patients.index(f"B{n}") for n in (0, 1)]]
    assert families[0] == families[1]


def test_patients_with_two_genes_or_none_are_left_out(home: Path) -> None:
    labelled = read_genes(home, ["A"], 3)
    assert [one.id for one in labelled.answers] == ["G1", "G2"]
    assert names(labelled, 0) == {"A0", "A1", "A2"}
    assert labelled.faces.left_out["with several genes, or none"] == 1
    assert labelled.others is not None
    assert "stranger" in labelled.others.patients
    with pytest.raises(UsageError, match="Too few genes have 4 families or more: 0"):
        read_genes(home, ["A"], 4)


def test_all_disorders_have_their_names(home: Path) -> None:
    labelled = read_disorders(home, leave_out_single=False)
    assert [one.id for one in labelled.answers] == ["A", "B", "C"]
    assert "both" not in labelled.faces.patients
