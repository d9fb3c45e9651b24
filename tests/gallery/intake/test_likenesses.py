"""Names that differ in case and blanks alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gestalt_space.gallery.intake import Intake
from gestalt_space.gallery.intake.likenesses import note_likenesses
from gestalt_space.types import Disorder, PhotoRecord


def notes(
    *rows: tuple[str, ...], patients: Iterable[str] = (), disorders: Iterable[str] = ()
) -> list[tuple[str, ...]]:
    """Of rows of a patient and disorders."""
    given = [
        Intake("x.png", Path("x.png"), PhotoRecord("x.png", patient, tuple(map(Disorder, titles))))
        for patient, *titles in rows
    ]
    return [row.notes for row in note_likenesses(given, lambda _: patients, lambda _: disorders)]


def test_a_patient_who_differs_in_case_from_one_of_the_gallery_is_noted() -> None:
    assert notes(("p17",), ("P17",), ("P18",), patients=["P17"]) == [
        ("patient 'p17': the gallery has 'P17'. Check whether they are the same.",),
        (),
        (),
    ]


def test_blanks_and_wide_letters_do_not_count() -> None:
    assert all(notes(("Anna  B",), ("Ａnna B",), patients=["Anna B"]))


def test_patients_of_two_rows_are_compared() -> None:
    assert notes(("P17",), ("p17",), ("P17",)) == [
        (),
        ("patient 'p17': another row has 'P17'. Check whether they are the same.",),
        (),
    ]


def test_one_that_is_known_in_both_spellings_is_not_asked_about_again() -> None:
    assert notes(("p17",), ("P17",), patients=["P17", "p17"]) == [(), ()]


def test_free_names_of_disorders_are_compared() -> None:
    assert notes(("A", "noonan syndrome"), disorders=["Noonan Syndrome"]) == [
        (
            (
                "disorder 'noonan syndrome': the gallery has 'Noonan Syndrome'. "
                "Check whether they are the same."
            ),
        )
    ]


def test_a_row_that_failed_is_passed_over() -> None:
    row = Intake("x.png", Path("x.png"), None)
    assert note_likenesses([row], lambda _: ["P17"], lambda _: []) == [row]
