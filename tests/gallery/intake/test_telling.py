"""Rows of one command beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gestalt_space.errors import PatientConflict
from gestalt_space.gallery.intake.telling import check_together, told_of_patients
from gestalt_space.store.facts import CommandFacts
from tests.galleries import row


@pytest.mark.parametrize(
    ("first", "second", "both"),
    [
        ({"sex": "male"}, {"sex": "female"}, "sex male (a.png) and female"),
        ({"family": "F1"}, {"family": "F2"}, "family F1 (a.png) and F2"),
        ({"consent": "one"}, {"consent": "two"}, "consent one (a.png) and two"),
        ({"hpo": ("HP:1",)}, {"hpo_absent": ("HP:1",)}, "HP:1 present (a.png) and absent"),
    ],
)
def test_rows_of_a_patient_that_contradict_each_other_are_named(
    first: dict[str, Any], second: dict[str, Any], both: str
) -> None:
    rows = [row(Path("a.png"), "P", **first), row(Path("b.png"), "P"),
            row(Path("c.png"), "P", **second), row(Path("d.png"), "Q", **second)]  # fmt: skip
    errors = [one.error for one in check_together(rows)]
    assert [error is None for error in errors] == [False, True, False, True]
    assert isinstance(errors[0], PatientConflict)
    assert isinstance(errors[2], PatientConflict)
    assert "'P'" in errors[2].message
    assert both in errors[2].message


@pytest.mark.parametrize(
    ("fact", "values"), [("age", (4.0, 5.0)), ("site", ("A", "B")), ("face", (1, 2))]
)
def test_what_belongs_to_a_photo_may_differ_between_photos_alone(
    fact: str, values: tuple[Any, Any]
) -> None:
    one, other = ({fact: value} for value in values)
    same = check_together([row(Path("a.png"), "P", **one), row(Path("a.png"), "P", **other)])
    assert [isinstance(one.error, PatientConflict) for one in same] == [True, True]
    apart = check_together([row(Path("a.png"), "P", **one), row(Path("b.png"), "P", **other)])
    assert [one.error for one in apart] == [None, None]
    siblings = check_together([row(Path("a.png"), "P", **one), row(Path("a.png"), "Q", **other)])
    assert [one.error for one in siblings] == [None, None]


def test_the_lists_of_sound_rows_are_united() -> None:
    rows = [
        row(Path("a.png"), "P", "A", genes=("G",), sex="male"),
        row(Path("b.png"), "P", "B", hpo=("HP:1",), hpo_absent=("HP:2",)),
        row(Path("c.png"), "P", "C", sex="female"),
        row(Path("d.png"), "Q"),
    ]
    terms = frozenset({"HP:1", "HP:2"})
    assert told_of_patients(check_together(rows)) == {
        "P": CommandFacts(frozenset({"B"}), frozenset(), terms),
        "Q": CommandFacts(),
    }
