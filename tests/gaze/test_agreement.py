"""Who looks where whom looks, on readers whose attention is known."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from gestalt_space.gaze.agreement import CEILING, CENTRE_BIAS, OTHERS, Agreement, Look, agreements
from gestalt_space.gaze.comparison import Density, Fixated

HEIGHT, WIDTH = 60, 60
PHOTOS = ("a", "b", "c")
MARKS = {"a": (15, 15), "b": (15, 45), "c": (45, 15)}
"""Where the conspicuous part of each photo is."""


def look(reader: str, photo: str, rng: np.random.Generator, mark: tuple[int, int]) -> Look:
    """Half of the fixations near the mark, half near the centre."""
    centres = np.where(np.arange(12)[:, None] < 6, mark, (30, 30))
    places = np.clip(np.round(centres + rng.normal(size=(12, 2)) * 3), 0, 59).astype(np.int64)
    return Look(reader, photo, Fixated(places[:, 0], places[:, 1], HEIGHT, WIDTH))


def readers(count: int, seed: int, group: str = "r") -> list[Look]:
    rng = np.random.default_rng(seed)
    return [
        look(f"{group}{number}", photo, rng, MARKS[photo])
        for number in range(count)
        for photo in PHOTOS
    ]


def model(at: dict[str, tuple[int, int]]) -> dict[str, Density]:
    rows, columns = np.indices((HEIGHT, WIDTH))
    return {
        photo: Density.of_map(np.exp(-((rows - r) ** 2 + (columns - c) ** 2) / 50))
        for photo, (r, c) in at.items()
    }


def by_name(rows: list[Agreement]) -> dict[str, Agreement]:
    return {row.candidate: row for row in rows}


def test_the_ceiling_is_above_the_centre_bias_and_a_blind_model_below_a_seeing_one() -> None:
    elsewhere = {"a": (45, 45), "b": (45, 45), "c": (45, 45)}
    found = by_name(
        agreements(readers(6, 1), sd=3, models={"sees": model(MARKS), "blind": model(elsewhere)})
    )
    assert list(found) == [CENTRE_BIAS, "sees", "blind", OTHERS, CEILING]
    assert found[CEILING].nss.low > found[CENTRE_BIAS].nss.high
    assert found["sees"].nss.low > found["blind"].nss.high
    assert found[CEILING].kl.value < found[CENTRE_BIAS].kl.value < found["blind"].kl.value
    assert found["blind"].auc_shuffled.low < 0.5 < found["sees"].auc_shuffled.low
    assert (found[CEILING].readers, found[CEILING].photos, found[CEILING].trials) == (6, 3, 18)
    assert found[CEILING].sources == 5
    assert math.isnan(found["sees"].sources)


def expected_nss(looks: list[Look], others: Callable[[Look, Look], bool]) -> float:
    """The mean NSS of each look against the fixations of others, by the definition."""
    found = []
    for one in looks:
        mine = [it.fixated for it in looks if others(it, one)]
        rows, columns = (
            np.concatenate([getattr(it, axis) for it in mine]) for axis in ("rows", "columns")
        )
        density = Density.of_fixations(Fixated(rows, columns, HEIGHT, WIDTH), 3)
        values = density.values[one.fixated.rows, one.fixated.columns]
        found.append(np.mean((values - density.values.mean()) / density.values.std()))
    return float(np.mean(found))


def test_other_readers_are_those_on_the_same_photo() -> None:
    looks = readers(3, 2)
    expected = expected_nss(
        looks, lambda it, one: it.photo == one.photo and it.reader != one.reader
    )
    assert by_name(agreements(looks, sd=3))[OTHERS].nss.value == pytest.approx(expected)


def test_the_ceiling_takes_from_the_centre_bias_what_few_readers_do_not_know() -> None:
    """Readers who look at nothing special of a photo, and at twelve places of it each."""
    rng = np.random.default_rng(7)
    alike = [look(f"r{n}", photo, rng, (30, 30)) for n in range(5) for photo in PHOTOS]
    found = by_name(agreements(alike, sd=1.5))
    assert found[CEILING].kl.value < found[OTHERS].kl.value
    assert found[CEILING].nss.value >= found[CENTRE_BIAS].nss.value - 0.05
    # Where photos differ, it is hardly below what the readers of the photo know.
    special = by_name(agreements(readers(8, 3), sd=3))
    assert special[CEILING].nss.value > special[CENTRE_BIAS].nss.value + 0.5
    assert special[CEILING].nss.value > special[OTHERS].nss.value - 0.3


def test_the_centre_bias_knows_neither_the_photo_nor_the_reader() -> None:
    looks = readers(3, 3)
    expected = expected_nss(
        looks, lambda it, one: it.photo != one.photo and it.reader != one.reader
    )
    assert by_name(agreements(looks, sd=3))[CENTRE_BIAS].nss.value == pytest.approx(expected)


def test_groups_agree_as_far_as_they_look_alike() -> None:
    rng = np.random.default_rng(5)
    laypersons = [
        look(f"l{number}", photo, rng, (45, 45)) for number in range(6) for photo in PHOTOS
    ]
    found = by_name(
        agreements(readers(6, 4), sd=3, groups={"experts": readers(6, 9, "e"), "lay": laypersons})
    )
    assert found["experts"].nss.low > found["lay"].nss.high
    assert found["experts"].sources == 6


def test_a_reader_of_both_groups_is_refused() -> None:
    with pytest.raises(ValueError, match="r0 is in two groups"):
        agreements(readers(3, 1), sd=3, groups={"again": readers(2, 2)})


def test_one_reader_one_photo_and_a_model_without_maps_are_refused() -> None:
    with pytest.raises(ValueError, match="one reader"):
        agreements(readers(1, 1), sd=3)
    with pytest.raises(ValueError, match="one photo"):
        agreements([one for one in readers(3, 1) if one.photo == "a"], sd=3)
    with pytest.raises(ValueError, match="other has no map"):
        agreements(readers(3, 1), sd=3, models={"other": model({"z": (1, 1)})})
