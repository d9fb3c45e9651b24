"""Design sheets: who sees what when, balanced."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from gestalt_space.errors import UsageError
from gestalt_space.gaze.study_design import StudyDesign, design


def readers(*counts: int) -> dict[str, str]:
    return {
        f"{group}{n}": group
        for group, count in zip("AB", counts, strict=False)
        for n in range(count)
    }


def photos(first: int, second: int = 0) -> dict[str, str]:
    return {f"p{n}": "x" if n < first else "y" for n in range(first + second)}


def seen(found: StudyDesign, reader: str, session: int = 1) -> list[str]:
    return [row.photo for row in found.rows if (row.reader, row.session) == (reader, session)]


@pytest.mark.parametrize("count", [2, 7, 10, 41])
def test_every_reader_sees_every_photo_once_in_a_session(count: int) -> None:
    shown = photos(count // 2, count - count // 2)
    found = design(readers(4, 3), shown, conditions=("without", "with"))
    for reader in readers(4, 3):
        for session in (1, 2):
            assert sorted(seen(found, reader, session)) == sorted(shown)
            positions = [
                r.position for r in found.rows if (r.reader, r.session) == (reader, session)
            ]
            assert positions == [*range(1, count + 1)]


@pytest.mark.parametrize("counts", [(12, 12), (6, 18), (5, 7)])
def test_photos_are_as_often_early_as_late_in_both_groups(counts: tuple[int, int]) -> None:
    found = design(readers(*counts), photos(20, 20), conditions=("a", "b"), seed=3)
    assert 18.5 < found.spread[0] <= found.spread[1] < 22.5
    firsts = Counter(row.photo for row in found.rows if row.position == 1 and row.session == 1)
    assert max(firsts.values()) <= 2


def test_ancestries_take_turns() -> None:
    found = design(readers(12, 12), photos(20, 20))
    assert found.longest_run <= 2
    assert design(readers(3, 3), photos(20)).longest_run == 0


def test_as_many_readers_as_photos_see_each_photo_at_each_place_and_after_each_other() -> None:
    found = design(readers(8, 0), photos(4, 4))
    places = Counter((row.photo, row.position) for row in found.rows)
    assert set(places.values()) == {1}
    orders = [seen(found, reader) for reader in readers(8, 0)]
    followed = Counter(pair for order in orders for pair in pairwise(order))
    assert set(followed.values()) == {1}
    assert len(followed) == 8 * 7


def test_half_of_each_group_begins_with_each_condition_and_the_second_order_is_another() -> None:
    found = design(readers(6, 5), photos(5, 5), conditions=("without", "with"), wash_out=21)
    for group, count in (("A", 6), ("B", 5)):
        begin = {
            row.reader: row.condition
            for row in found.rows
            if row.group == group and row.session == 1
        }
        assert abs(Counter(begin.values())["with"] - count / 2) <= 0.5
    for reader in readers(6, 5):
        mine = [row for row in found.rows if row.reader == reader]
        assert {(row.session, row.day) for row in mine} == {(1, 1), (2, 22)}
        assert len({(row.session, row.condition) for row in mine}) == 2
        assert seen(found, reader, 1) != seen(found, reader, 2)


def test_the_same_seed_gives_the_same_sheet() -> None:
    one, other, third = (design(readers(4, 4), photos(6, 6), seed=seed) for seed in (1, 1, 2))
    assert one == other
    assert one.rows != third.rows


@pytest.mark.parametrize(
    ("who", "what", "conditions", "word"),
    [
        ({"a": "A", "b": ""}, photos(4), ("",), "without a group: b"),
        ({}, photos(4), ("",), "no readers"),
        (readers(2, 2), photos(1), ("",), "two photos"),
        (readers(2, 2), photos(4), ("a", "b", "c"), "one or two conditions"),
        (readers(2, 2), photos(4), ("a", "a"), "one or two conditions"),
    ],
)
def test_what_cannot_be_designed_is_refused(
    who: dict[str, str], what: dict[str, str], conditions: tuple[str, ...], word: str
) -> None:
    with pytest.raises(UsageError, match=word):
        design(who, what, conditions=conditions)
