"""What long work reports of itself comes to its end, in every stage."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.cohort.clusters import cluster
from gestalt_space.cohort.cohesion import CohesionPlan, cohesion
from gestalt_space.cohort.cohort_matrix import measure
from gestalt_space.cohort.comparison import ComparisonPlan, compare_groups
from gestalt_space.cohort.composite import WeightedFace, average_face
from gestalt_space.cohort.selection import select_photos
from gestalt_space.evaluation.gallery_results import EvaluationPlan
from gestalt_space.evaluation.gmdb import evaluate_gmdb
from gestalt_space.evaluation.own_gallery import evaluate_gallery
from gestalt_space.faces.alignment import TEMPLATE
from gestalt_space.gallery.inspecting.whole import inspect_gallery
from gestalt_space.gallery.pipeline import PhotoSource
from gestalt_space.interop.encodings import Encodings
from gestalt_space.interop.gmdb import SplitRow, Splits
from gestalt_space.progress import adding_up, followed
from gestalt_space.settings import load_settings
from gestalt_space.stats.resampling import Bootstrap
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.cohort.selections import QUICK, planted
from tests.cohort.simulated import simulated
from tests.evaluation.made_data import random_data
from tests.followed import Seen
from tests.galleries import add, make_home, open_gallery, row


@pytest.fixture
def seen() -> Seen:
    return Seen()


def test_items_are_reported_once_they_were_used():
    told: list[tuple[int, int]] = []
    for item in followed("ab", lambda *now: told.append(now)):
        assert len(told) == "ab".index(item)
    assert told == [(1, 2), (2, 2)]
    assert list(followed(iter("ab"), lambda *now: told.append(now), 5)) == ["a", "b"]
    assert told[2:] == [(1, 5), (2, 5)]
    with pytest.raises(TypeError, match="whole"):
        list(followed(iter("ab"), lambda *now: told.append(now)))


def test_parts_count_on():
    told: list[tuple[int, int]] = []
    more = adding_up(lambda *now: told.append(now), 7)
    more(3)
    more(4)
    assert told == [(3, 7), (7, 7)]


def test_clusters(seen: Seen):
    found = cluster(planted(disorders=3, each=8, strength=2), QUICK, stages=seen)
    assert seen.ended() == [
        "Choosing the number of clusters",
        "Drawing bootstrap samples",
        "Splitting disorders",
        "Comparing disorders",
    ]
    assert dict(seen.stages)["Comparing disorders"][-1] == (len(found.pairs), 3)


def test_groups(seen: Seen):
    rng = np.random.default_rng(1)
    kinds = ["d1"] * 6 + ["d2"] * 6 + ["d3"] * 6
    a, b = (simulated(rng, kinds, prefix=name) for name in "AB")
    compare_groups(a, b, ComparisonPlan(permutations=99, bootstrap=Bootstrap(100)), stages=seen)
    assert seen.ended() == [
        "Permuting labels",
        "Permuting labels again",
        "Comparing disorders",
        "Matching each group against the other",
    ]


def test_cohesion(seen: Seen):
    gallery = simulated(np.random.default_rng(1), ["a"] * 6 + ["b"] * 20)
    cohort = gallery.only(gallery.patients[:6])
    cohesion(cohort, gallery, CohesionPlan(permutations=99, draws=20), stages=seen)
    assert seen.ended() == ["Drawing random groups", "Drawing single photos"]


def test_ranks(seen: Seen):
    gallery = simulated(np.random.default_rng(1), ["a"] * 6 + ["b"] * 20)
    cohort = gallery.only(gallery.patients[:6])
    measure(cohort, value="rank", gallery=gallery, progress=seen("Comparing", "photos"))
    assert seen.ended() == ["Comparing"]


def test_average_faces(seen: Seen):
    faces = [WeightedFace(made.crop(n), TEMPLATE.astype(np.float64), 0.5) for n in range(2)]
    average_face(faces, progress=seen("Averaging", "faces"))
    assert seen.ended() == ["Averaging"]


def test_evaluations(seen: Seen):
    data = random_data(1)
    other = replace(data, space="other")
    evaluate_gallery([data, other], EvaluationPlan(bootstrap=Bootstrap(100)), stages=seen)
    assert len(seen.ended()) == len(seen.stages) == 6


def test_published_evaluations(seen: Seen):
    vectors = made.unit(np.random.default_rng(1), 4, 8).reshape(4, 1, 8)
    encodings = Encodings(tuple("abcd"), (("m0", "0", "0"),), vectors)
    rows = [SplitRow(name, name, number, 0) for name, number in zip("abcd", "1212", strict=True)]
    splits = Splits("v1", tuple(rows[:2]), tuple(rows[2:]), (), ())
    evaluate_gmdb(encodings, splits, stages=seen)
    assert seen.ended() == ["Comparing images", "Ranking syndromes"]


def test_a_gallery_that_is_checked_and_rebuilt(seen: Seen, tmp_path: Path, tiny_store: ModelStore):
    home = make_home(tmp_path / "home", tiny_store)
    with open_gallery(home) as gallery:
        photos = [made.photo_file(tmp_path / f"{n}.png", n) for n in range(3)]
        add(gallery, *(row(photo, f"P{n}", "D") for n, photo in enumerate(photos)))
        gallery.rebuild(stages=seen)
        assert gallery.check_trail(progress=seen("Checking the trail", "events")) == []
    assert seen.ended() == ["Writing the index of tiny", "Checking the trail"]
    checked = Seen()
    findings = list(inspect_gallery(load_settings(home), sample=2, stages=checked))
    assert all(one.state != "fail" for one in findings)
    assert checked.ended() == [
        "Checking descriptors",
        "Checking the index of tiny",
        "Encoding crops again with tiny",
    ]


def test_photos_that_are_asked_about(seen: Seen, tmp_path: Path, tiny_store: ModelStore):
    home = make_home(tmp_path / "home", tiny_store)
    photos = [made.photo_file(tmp_path / f"{n}.png", n) for n in range(4)]
    sources = [PhotoSource(photo.name, photo, largest=True) for photo in photos[1:]]
    with open_gallery(home) as gallery:
        add(gallery, row(photos[0], "P0", "D"))
        list(gallery.match(sources, as_one=True, progress=seen("Reading as one", "photos")))
        select_photos(gallery, sources, progress=seen("Reading", "photos"))
    assert [told[-1] for _, told in seen.stages] == [(3, 3), (3, 3)]
    assert seen.ended() == ["Reading as one", "Reading"]
