"""How well readers recognise patients: planted skill, and tables that cannot be used."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.errors import UsageError
from gestalt_space.gaze.reader_accuracy import AREA, SHARE, AccuracyLine, ReaderAccuracy, accuracy
from gestalt_space.gaze.reader_tables import read_ratings
from gestalt_space.stats.multireader import areas, difference

CASES = 24


def rows(skills: tuple[float, float], seed: int = 1, familiar: float = 0.0) -> list[str]:
    """Six readers a group; the second group is better by `familiar` with cases of ancestry y."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(12):
        group = number >= 6
        for case in range(CASES):
            ill, other = case % 2, case >= CASES // 2
            skill = skills[group] + (familiar if group and other else 0)
            found.append(
                f"r{number},{'AB'[group]},c{case},{'xy'[other]},{ill},"
                f"{skill * ill + rng.normal():.3f}"
            )
    return found


def table(folder: Path, lines: list[str], header: str = "") -> Path:
    path = folder / "ratings.csv"
    header = header or "reader,group,case,ancestry,truth,rating"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def line(found: ReaderAccuracy, group: str, ancestry: str = "") -> AccuracyLine:
    [one] = [one for one in found.lines if (one.group, one.ancestry) == (group, ancestry)]
    return one


def test_the_better_group_is_found(tmp_path: Path) -> None:
    found = accuracy(read_ratings(table(tmp_path, rows((0.5, 3.0)))))
    assert found.figure == AREA
    assert line(found, "B").estimate.value > line(found, "A").estimate.value + 0.15
    gap = line(found, "A − B")
    assert gap.estimate.high < 0
    assert gap.p < 0.01
    assert (gap.readers, gap.patients, gap.others) == (12, 12, 12)
    assert line(found, "B").estimate.high <= 1


def test_a_group_that_knows_one_ancestry_better_is_found(tmp_path: Path) -> None:
    ratings = read_ratings(table(tmp_path, rows((0.5, 0.5), familiar=3.5)))
    for method in ("delong", "jackknife"):
        found = accuracy(ratings, method=method)  # type: ignore[arg-type]
        assert line(found, "A", "x − y").p > 0.05
        assert line(found, "B", "x − y").estimate.high < 0
        both = line(found, "A − B", "x − y")
        assert both.estimate.low > 0
        assert both.p < 0.05


def test_the_difference_is_the_one_of_all_areas(tmp_path: Path) -> None:
    ratings = read_ratings(table(tmp_path, rows((1, 1))))
    found = accuracy(ratings)
    expected = difference(areas(ratings.values, ratings.truth), np.arange(12) < 6)
    assert line(found, "A − B").estimate == expected.estimate
    assert [one.value for one in found.readers] == pytest.approx(
        areas(ratings.values, ratings.truth).values
    )


def test_the_curve_goes_from_few_to_all(tmp_path: Path) -> None:
    found = accuracy(read_ratings(table(tmp_path, rows((1, 1)))))
    mine = [one for one in found.curve if one.group == "A"]
    assert mine[-1].false_positives == mine[-1].true_positives == 1
    assert all(one.true_positives <= other.true_positives for one, other in pairwise(mine))
    area = np.trapezoid(
        [0, *(one.true_positives for one in mine)], [0, *(one.false_positives for one in mine)]
    )
    assert area > 0.6


def test_right_diagnoses_are_compared_by_their_share(tmp_path: Path) -> None:
    lines = [
        f"r{r},{'AB'[r > 5]},c{c},{int((r * 7 + c * 5) % 10 < (4 if r < 6 else 9))}"
        for r in range(12)
        for c in range(20)
    ]
    found = accuracy(read_ratings(table(tmp_path, lines, "reader,group,photo,correct")))
    assert found.figure == SHARE
    assert found.curve == ()
    assert line(found, "A").estimate.value == pytest.approx(0.4, abs=0.05)
    assert line(found, "A − B").estimate.value == pytest.approx(-0.5, abs=0.05)


def test_cases_that_a_reader_did_not_rate_and_readers_without_a_group_are_left_out(
    tmp_path: Path,
) -> None:
    lines = rows((1, 1))
    lines[0] = lines[0].rsplit(",", 1)[0] + ","
    lines.remove(lines[30])
    lines += [f"x,,c{case},{'xy'[case >= 12]},{case % 2},1" for case in range(3)]
    found = accuracy(read_ratings(table(tmp_path, lines)))
    assert found.left_out == {
        "readers without a group": 1,
        "cases that were not rated by all readers": 2,
    }
    assert line(found, "A − B").patients + line(found, "A − B").others == CASES - 2


def test_an_ancestry_with_too_few_cases_is_skipped_and_said(tmp_path: Path) -> None:
    lines = [one.replace(",y,1,", ",x,1,") for one in rows((1, 1))]
    found = accuracy(read_ratings(table(tmp_path, lines)))
    assert found.skipped == {"y": "0 cases with and 6 without the disorder"}
    assert {one.ancestry for one in found.lines} == {"", "x"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda lines: [one for one in lines if "A" in one], "second group"),
        (
            lambda lines: [one for one in lines if "B" in one or one.startswith("r0,")],
            "A has 1 reader",
        ),
        (lambda lines: [one.replace(",1,", ",0,") for one in lines], "too few"),
        (lambda lines: [*lines, lines[0]], "on line 2 already"),
        (lambda lines: [*lines, "r0,A,c1,x,0,1"], "truth '0', but '1' on line 3"),
        (lambda lines: [*lines, "r0,A,c99,x,perhaps,1"], "'perhaps' is neither"),
        (lambda lines: [*lines, "r0,A,c99,x,1,high"], "column rating: 'high'"),
        (lambda lines: [f"r{n},{'AB'[n % 2]},c{n},x,{n % 2},1" for n in range(8)], "no case was"),
    ],
)
def test_ratings_that_cannot_be_compared_are_refused(tmp_path: Path, change, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError) as refused:
        accuracy(read_ratings(table(tmp_path, change(rows((1, 1))))))
    assert words in f"{refused.value.message} {refused.value.hint}"


@pytest.mark.parametrize(
    ("header", "row", "words"),
    [
        ("reader,group,case,rating", "a,A,c,1", "no column truth"),
        ("reader,group,case", "a,A,c", "neither a column rating nor correct"),
        ("reader,case,correct", "a,c,1", "no column group"),
        ("reader,group,correct", "a,A,1", "no column case or photo"),
        ("reader,group,case,correct", "a,A,c,2", "neither 0 nor 1"),
    ],
)
def test_columns_that_are_missing_are_named(
    tmp_path: Path, header: str, row: str, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        read_ratings(table(tmp_path, [row], header))


@pytest.mark.parametrize("right", ["always", "by group"])
def test_readers_who_are_all_alike_have_no_interval_and_no_p(tmp_path: Path, right: str) -> None:
    lines = [
        f"r{reader},{'AB'[reader > 2]},c{case},{int(right == 'always' or reader < 3)}"
        for reader in range(6)
        for case in range(8)
    ]
    found = accuracy(read_ratings(table(tmp_path, lines, "reader,group,photo,correct")))
    for one in found.lines:
        assert math.isnan(one.estimate.low)
        assert math.isnan(one.estimate.high)
        assert math.isnan(one.p)
    assert line(found, "A").estimate.value == 1
