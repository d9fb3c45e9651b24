"""The published protocol, against cases worked by hand and against plain loops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gestalt_space.errors import TableDamaged
from gestalt_space.evaluation import gmdb
from gestalt_space.evaluation.gmdb import GmdbResult, evaluate_gmdb
from gestalt_space.interop.encodings import Encodings
from gestalt_space.interop.gmdb import SplitRow, Splits

SLOT = (("m0", "0", "0"),)


def on_circle(**degrees: float) -> Encodings:
    """Images on a circle: the nearer two angles, the more similar."""
    angles = np.radians(list(degrees.values()))
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    return Encodings(tuple(degrees), SLOT, vectors[:, None])


def rows(*texts: str, split: int = 0) -> tuple[SplitRow, ...]:
    """`image syndrome`, of a patient of the image's name, or `image syndrome patient`."""
    parts = [text.split() for text in texts]
    return tuple(SplitRow(p[0], p[2] if len(p) > 2 else p[0], p[1], split) for p in parts)


def frequent(test: Sequence[SplitRow], gallery: Sequence[SplitRow]) -> Splits:
    return Splits("v1", tuple(gallery), tuple(test), (), ())


def tops(result: GmdbResult, number: int = 0) -> tuple[float | None, ...]:
    return tuple(result.evaluations[number].top.values())


def top1(
    encodings: Encodings, test: Sequence[SplitRow], gallery: Sequence[SplitRow]
) -> float | None:
    return tops(evaluate_gmdb(encodings, frequent(test, gallery)))[0]


# By hand


def test_the_nearest_image_of_a_syndrome_counts_and_the_first_occurrence_alone():
    """Six images of 2 are nearer than the first of 1: still 1 is the second syndrome."""
    names = {f"g{n}": 1.0 + n for n in range(6)}
    images = on_circle(t=0, a=10, **names)
    gallery = rows("a 1", *(f"{name} 2" for name in names))
    result = evaluate_gmdb(images, frequent(rows("t 1"), gallery))
    assert result.evaluations[0].top == {1: 0, 5: 100, 10: 100, 30: 100}


def test_the_mean_is_over_syndromes_and_not_over_images():
    """Three of three photos of syndrome 1 are found and none of the one of 2: a half, not 3/4."""
    images = on_circle(a=0, b=90, t1=1, t2=2, t3=3, t4=4)
    test = rows("t1 1 P", "t2 1 P", "t3 1 P", "t4 2")
    assert top1(images, test, rows("a 1", "b 2")) == 50


def test_every_photo_of_a_patient_is_a_query_of_its_own():
    images = on_circle(a=0, b=90, t1=1, t2=80, t3=85, t4=2)
    assert top1(images, rows("t1 1 P", "t2 1 P", "t3 1 P"), rows("a 1", "b 2")) == 33.33


def test_a_syndrome_that_the_gallery_lacks_is_not_found_and_named():
    images = on_circle(a=0, b=90, t1=1, t2=2)
    result = evaluate_gmdb(images, frequent(rows("t1 1", "t2 9"), rows("a 1", "b 2")))
    assert tops(result) == (50, 50, 50, 50)
    assert result.evaluations[0].absent == ("9",)


def test_exact_ties_break_by_the_smaller_syndrome_as_numbers():
    images = on_circle(a=10, b=-10, t1=0, t2=0)
    assert top1(images, rows("t1 9"), rows("a 9", "b 10")) == 100
    assert top1(images, rows("t1 10"), rows("a 9", "b 10")) == 0
    assert top1(images, rows("t1 9", "t2 10"), rows("b 10", "a 9")) == 50


def test_what_single_precision_cannot_tell_apart_is_told_apart():
    """Two angles of which float32's cosine is the same; the second is a little nearer."""
    angle, less = np.radians(0.010), np.radians(0.0099)
    vectors = np.array([[1, 0], [np.cos(angle), np.sin(angle)], [np.cos(less), np.sin(less)]])
    images = Encodings(("t", "a", "b"), SLOT, vectors.astype(np.float32)[:, None])
    assert images.vectors[1, 0, 0] == images.vectors[2, 0, 0]
    for gallery in (rows("a 1", "b 2"), rows("b 2", "a 1")):
        assert top1(images, rows("t 2"), gallery) == 100
        assert top1(images, rows("t 1"), gallery) == 0


def test_lengths_of_vectors_do_not_count():
    images = on_circle(a=0, b=50, t1=20, t2=30)
    longer = replace(images, vectors=images.vectors * np.float32([[[7]], [[0.1]], [[1]], [[30]]]))
    test, gallery = rows("t1 1", "t2 2"), rows("a 1", "b 2")
    assert top1(images, test, gallery) == top1(longer, test, gallery) == 100


def test_the_distance_is_the_mean_over_like_slots():
    """In slot 0 the test image is like a, in slot 1 much less unlike b."""
    north, east, west = [0.0, 1.0], [1.0, 0.0], [-1.0, 0.0]
    near = [0.8, 0.6]
    vectors = np.array([[east, east], [east, west], [near, east]], dtype=np.float32)
    images = Encodings(("t", "a", "b"), (("m0", "0", "0"), ("m1", "0", "0")), vectors)
    assert top1(images, rows("t 2"), rows("a 1", "b 2")) == 100
    # a: (1 - 1) / 2 = 0, b: (0.8 + 1) / 2 = 0.9; with slots crossed it would be the same, so:
    crossed = replace(images, vectors=np.array([[east, north], [north, east], [near, near]], "f4"))
    # a: 0 + 0, though the slots of t and a are the same two vectors; b: 0.8 + 0.6
    assert top1(crossed, rows("t 2"), rows("a 1", "b 2")) == 100


def test_rare_splits_are_averaged_and_join_the_frequent_gallery():
    images = on_circle(f1=0, f2=90, tf=44, r1=180, r2=270, r3=181, r4=46)
    splits = Splits(
        "v1",
        frequent_gallery=rows("f1 1", "f2 2"),
        frequent_test=rows("tf 1"),
        rare_gallery=rows("r1 3", "r2 4", split=0) + rows("r4 3", "r2 4", split=1),
        rare_test=rows("r3 3", split=0) + rows("r1 3", split=1),
    )
    f_f, r_r, f_both, r_both = evaluate_gmdb(images, splits).evaluations
    assert (f_f.test, f_f.gallery, f_f.top[1]) == ("frequent", "frequent", 100)
    # r1 in split 1: 90 degrees from r2, 134 from r4.
    assert (r_r.test, r_r.gallery, r_r.top[1], r_r.top[5]) == ("rare", "rare", 50, 100)
    # In split 1 r4 of syndrome 3 stands 2 degrees from tf.
    assert (f_both.gallery, f_both.top[1], f_both.top[5]) == ("frequent+rare", 50, 100)
    assert (r_both.gallery_size, r_both.test_size, r_both.splits) == (4, 1, 2)


def test_sizes_are_means_over_the_splits():
    images = on_circle(a=0, b=1, c=2, d=3)
    splits = Splits(
        "v1",
        rows("d 9"),
        rows("d 9"),
        rare_gallery=rows("a 1", "b 1", split=0) + rows("a 1", split=1),
        rare_test=rows("c 1", split=0) + rows("b 1", "c 1", split=1),
    )
    sizes = [(e.gallery_size, e.test_size) for e in evaluate_gmdb(images, splits).evaluations]
    assert sizes == [(1, 1), (1.5, 1.5), (2.5, 1), (2.5, 1.5)]


# What is missing is named and moves nothing


def test_images_that_are_not_encoded_are_named_and_left_out():
    images = on_circle(a=0, b=90, t1=1, t2=89)
    test, gallery = rows("x 1", "t1 1", "y 2", "t2 2"), rows("z 1", "a 1", "w 2", "b 2")
    result = evaluate_gmdb(images, frequent(test, gallery))
    assert result.missing == ("z", "w", "x", "y")
    assert tops(result)[0] == 100
    assert (result.evaluations[0].test_size, result.evaluations[0].gallery_size) == (2, 2)


def test_incomplete_and_unsound_images_are_told_apart_from_missing_ones():
    images = replace(on_circle(a=0, t1=1), incomplete=("b", "other"), unsound=("c",))
    result = evaluate_gmdb(images, frequent(rows("t1 1", "c 1"), rows("a 1", "b 2", "d 3")))
    assert (result.missing, result.incomplete, result.unsound) == (("d",), ("b",), ("c",))


def test_syndromes_of_one_patient_are_counted_apart():
    images = on_circle(a=0, b=90, t1=1)
    result = evaluate_gmdb(images, frequent(rows("t1 1 P"), rows("a 1 P", "b 2 Q")))
    assert result.single == ("1", "2")


def test_with_nothing_to_test_there_is_no_figure():
    images = on_circle(a=0)
    result = evaluate_gmdb(images, frequent((), rows("a 1")))
    assert result.evaluations[0].top == dict.fromkeys((1, 5, 10, 30))
    assert tops(evaluate_gmdb(images, frequent(rows("a 1"), ()))) == (0, 0, 0, 0)


def test_a_split_of_which_no_test_image_is_encoded_is_no_part_of_the_mean():
    images = on_circle(a=0, b=90, t=1)
    splits = Splits(
        "v1",
        (),
        (),
        rows("a 1", "b 2", split=0) + rows("a 1", "b 2", split=1),
        rows("t 1", split=0) + rows("x 2", split=1),
    )
    result = evaluate_gmdb(images, splits)
    assert tops(result, 1)[0] == 100
    assert result.missing == ("x",)


def test_encodings_of_other_images_are_refused():
    with pytest.raises(TableDamaged, match="none of the 2 images of GMDB v1"):
        evaluate_gmdb(on_circle(a=0), frequent(rows("b 1"), rows("c 1")))


# Against plain loops


def plain(images: Encodings, test: Sequence[SplitRow], gallery: Sequence[SplitRow]) -> list[float]:
    """Top-k in percent, one pair of images after the other, in double precision."""
    place = {image: number for number, image in enumerate(images.images)}
    shares: dict[str, list[list[bool]]] = {}
    for row in test:
        distances = []
        for other in gallery:
            total = 0.0
            for a, b in zip(
                images.vectors[place[row.image]].astype(float),
                images.vectors[place[other.image]].astype(float),
                strict=True,
            ):
                total += 1 - float(a @ b) / float(np.sqrt(a @ a) * np.sqrt(b @ b))
            distances.append((round(total / len(images.slots), 13), int(other.label)))
        order: list[int] = []
        for _, label in sorted(distances):
            if label not in order:
                order.append(label)
        shares.setdefault(row.label, []).append(
            [int(row.label) in order[:k] for k in (1, 5, 10, 30)]
        )
    return [
        100 * float(np.mean([np.mean([hit[k] for hit in of]) for of in shares.values()]))
        for k in range(4)
    ]


def drawn(seed: int, ties: bool = False) -> tuple[Encodings, Splits]:
    """Random images of 30 syndromes; with `ties`, many of them are the same."""
    rng = np.random.default_rng(seed)
    count, slots = 150, 3
    vectors = rng.standard_normal((count, slots, 6))
    if ties:
        vectors = vectors[rng.integers(0, 12, count)]
    labels = rng.integers(0, 30, count)
    names = [f"{number}" for number in rng.permutation(count)]
    all_rows = [
        SplitRow(name, f"P{name}", f"{label}") for name, label in zip(names, labels, strict=True)
    ]
    common = [row for row in all_rows if int(row.label) < 14]
    rare = [row for row in all_rows if int(row.label) >= 14]
    tested = [rng.random(len(rare)) < 0.3 for _ in range(3)]
    pairs = list(zip(rare, range(len(rare)), strict=True))
    splits = Splits(
        "v1",
        tuple(common[10:]),
        tuple(common[:10]),
        tuple(replace(row, split=s) for s in range(3) for row, n in pairs if not tested[s][n]),
        tuple(replace(row, split=s) for s in range(3) for row, n in pairs if tested[s][n]),
    )
    slot_names = tuple((f"m{n}", "0", "0") for n in range(slots))
    return Encodings(tuple(names), slot_names, vectors.astype(np.float32)), splits


def expected(images: Encodings, splits: Splits) -> list[list[float]]:
    def split(rows: Sequence[SplitRow], number: int) -> list[SplitRow]:
        return [row for row in rows if row.split == number]

    def mean(figures: Sequence[Sequence[float]]) -> list[float]:
        return [round(float(x), 2) for x in np.mean(figures, axis=0)]

    numbers = splits.rare_splits
    tests = [split(splits.rare_test, n) for n in numbers]
    rare = [split(splits.rare_gallery, n) for n in numbers]
    both = [[*splits.frequent_gallery, *gallery] for gallery in rare]
    return [
        mean([plain(images, splits.frequent_test, splits.frequent_gallery)]),
        mean([plain(images, t, g) for t, g in zip(tests, rare, strict=True)]),
        mean([plain(images, splits.frequent_test, g) for g in both]),
        mean([plain(images, t, g) for t, g in zip(tests, both, strict=True)]),
    ]


def figures(result: GmdbResult) -> list[list[float | None]]:
    return [list(evaluation.top.values()) for evaluation in result.evaluations]


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_figures_are_those_of_plain_loops(seed: int, ties: bool):
    images, splits = drawn(seed, ties)
    assert figures(evaluate_gmdb(images, splits)) == expected(images, splits)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_the_order_of_rows_and_images_does_not_count(seed: int, ties: bool):
    images, splits = drawn(5, ties)
    rng = np.random.default_rng(seed)

    def mixed(rows: Sequence[SplitRow]) -> tuple[SplitRow, ...]:
        return tuple(rows[place] for place in rng.permutation(len(rows)))

    order = rng.permutation(len(images.images))
    other = replace(
        images,
        images=tuple(images.images[place] for place in order),
        vectors=images.vectors[order],
    )
    shuffled = Splits(
        "v1",
        mixed(splits.frequent_gallery),
        mixed(splits.frequent_test),
        mixed(splits.rare_gallery),
        mixed(splits.rare_test),
    )
    assert figures(evaluate_gmdb(other, shuffled)) == figures(evaluate_gmdb(images, splits))


def test_gallery_rows_that_are_there_twice_do_not_count():
    images, splits = drawn(6)
    doubled = replace(splits, frequent_gallery=splits.frequent_gallery * 2)
    found, again = evaluate_gmdb(images, splits), evaluate_gmdb(images, doubled)
    assert figures(found) == figures(again)


def test_names_of_images_and_syndromes_do_not_count():
    images, splits = drawn(7)

    def renamed(rows: Sequence[SplitRow]) -> tuple[SplitRow, ...]:
        return tuple(replace(r, image=f"i{r.image}", label=f"{900 - int(r.label)}") for r in rows)

    other = Splits(
        "v2",
        renamed(splits.frequent_gallery),
        renamed(splits.frequent_test),
        renamed(splits.rare_gallery),
        renamed(splits.rare_test),
    )
    named = replace(images, images=tuple(f"i{image}" for image in images.images))
    assert figures(evaluate_gmdb(named, other)) == figures(evaluate_gmdb(images, splits))


def test_slots_in_another_order_give_the_same():
    images, splits = drawn(8)
    other = replace(images, slots=images.slots[::-1], vectors=images.vectors[:, ::-1])
    assert figures(evaluate_gmdb(other, splits)) == figures(evaluate_gmdb(images, splits))


@pytest.mark.parametrize("ties", [False, True])
def test_margins_of_rounding_decide_nothing(monkeypatch: pytest.MonkeyPatch, ties: bool):
    """With everything computed in double precision the figures are the same."""
    images, splits = drawn(9, ties)
    found = figures(evaluate_gmdb(images, splits))
    monkeypatch.setattr(gmdb, "NEAR", 3.0)
    assert figures(evaluate_gmdb(images, splits)) == found


def test_patients_who_are_tested_against_themselves_are_named():
    images = on_circle(a=0, b=10, c=90)
    test, gallery = rows("a 1 P1"), rows("b 1 P1", "c 2 P2")
    assert evaluate_gmdb(images, frequent(test, gallery)).shared == ("P1",)
    assert evaluate_gmdb(images, frequent(rows("a 1 P3"), gallery)).shared == ()
