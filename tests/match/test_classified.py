"""Rankings of a classifier and of the gallery together."""

from __future__ import annotations

from gestalt_space.match.answer import Match, MatchLine
from gestalt_space.match.classified import ClassLine, fused_lines


def match_of(*names: str) -> Match:
    return Match(
        "p.png",
        lines=tuple(
            MatchLine(rank, name, "", 1 - rank / 10, "P1", 1, 1, 1 - rank / 10)
            for rank, name in enumerate(names, start=1)
        ),
    )


def classes_of(*names: str) -> tuple[ClassLine, ...]:
    return tuple(ClassLine(rank, name, "", 1 / 2**rank) for rank, name in enumerate(names, start=1))


def order(match: Match, classes: tuple[ClassLine, ...], count: int = 10) -> list[str]:
    return [line.id for line in fused_lines(match, classes, count)]


def test_rankings_that_agree_stay_as_they_are() -> None:
    assert order(match_of("A", "B", "C"), classes_of("A", "B", "C")) == ["A", "B", "C"]


def test_what_is_high_in_both_comes_first() -> None:
    # A: 1st and 4th, B: 2nd and 1st.
    found = order(match_of("A", "B", "C", "D"), classes_of("B", "D", "C", "A"))
    assert found[0] == "B"


def test_what_the_classifier_does_not_know_keeps_its_place() -> None:
    found = order(match_of("X", "A", "Y", "B"), classes_of("B", "A"))
    assert found == ["X", "A", "Y", "B"]  # A and B have equal sums; the gallery's order decides
    found = order(match_of("A", "X", "B", "Y", "C"), classes_of("C", "B", "A"))
    assert [found[1], found[3]] == ["X", "Y"]


def test_a_class_that_the_gallery_lacks_is_in_no_line() -> None:
    assert order(match_of("A", "B"), classes_of("Z", "B", "A")) == ["A", "B"]


def test_lines_are_cut_after_they_are_fused() -> None:
    lines = fused_lines(match_of("A", "B", "C"), classes_of("C", "B", "A"), 2)
    assert [line.rank for line in lines] == [1, 2]
    assert lines[0].gallery_rank in (1, 3)
