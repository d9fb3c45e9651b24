"""HPO terms as people write them."""

from __future__ import annotations

import pytest

from gestalt_space.errors import UsageError
from gestalt_space.gallery.intake.terms import parse_hpo, split_terms


def test_terms_are_present_or_absent() -> None:
    assert parse_hpo([]) == ((), ())
    assert parse_hpo(["hp:0000664", "!HP:0000252", "HP:0000664"]) == (
        ("HP:0000664",),
        ("HP:0000252",),
    )
    for wrong in (["HP:1"], ["0000664"], ["HP:0000664 x"], ["!"]):
        with pytest.raises(UsageError, match="not an HPO term"):
            parse_hpo(wrong)
    with pytest.raises(UsageError, match="both as present and as absent"):
        parse_hpo(["HP:0000664", "!HP:0000664"])


@pytest.mark.parametrize(
    "text",
    [
        *("HP_0000664", "HP 0000664", "HP0000664", "HP：0000664", "hp: 0000664"),
        "http://purl.obolibrary.org/obo/HP_0000664",
    ],
)
def test_terms_have_one_spelling(text: str) -> None:
    assert parse_hpo([text, f"! {text}".replace("0664", "0252")]) == (
        ("HP:0000664",),
        ("HP:0000252",),
    )


def test_lists_are_cut_and_unknown_entries_left_out() -> None:
    assert split_terms("HP:0000001, HP:0000002;NA|!HP:0000003") == [
        *("HP:0000001", "HP:0000002", "!HP:0000003")
    ]
