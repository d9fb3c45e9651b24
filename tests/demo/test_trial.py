"""The trial: who is held back, and that the numbers are those of a plain calculation."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.demo.run import DemoResult
from gestalt_space.demo.trial import Trial, hold_back, run_trial
from gestalt_space.errors import FaceError, UsageError
from gestalt_space.home import Gallery
from gestalt_space.simulate.cohort import Cohort, CohortPlan, draw_cohort
from gestalt_space.simulate.cohort_files import write_cohort
from gestalt_space.weights.store import ModelStore
from tests.galleries import make_home
from tests.simulate.faces import GreySubjects


@pytest.fixture
def trial(done: DemoResult) -> Trial:
    return done.trial


def sizes(cohort: Cohort) -> dict[str, int]:
    return Counter(patient.disorder.id for patient in cohort.patients if patient.disorder)


def test_one_patient_of_each_disorder_with_three_is_held_back(trial: Trial):
    frequent = {id_ for id_, count in sizes(trial.cohort).items() if count >= 3}
    disorders = [trial.patient(id_).disorder for id_ in trial.held_back]
    assert sorted(disorder.id for disorder in disorders if disorder) == sorted(frequent)
    assert hold_back(trial.cohort) == set(trial.held_back)


def test_a_control_is_nobody_to_be_held_back():
    plan = CohortPlan(disorders=2, patients=12, controls=30, seed=1)
    held = hold_back(draw_cohort(plan, GreySubjects()))
    assert 1 <= len(held) <= 2


def test_nobody_can_be_held_back_of_two(tmp_path: Path):
    cohort = draw_cohort(CohortPlan(disorders=3, patients=6), GreySubjects())
    with pytest.raises(UsageError, match="No disorder has 3 patients"):
        hold_back(cohort)


def test_no_photo_of_a_patient_who_is_held_back_is_in_the_gallery(trial: Trial):
    held = set(trial.held_back)
    in_gallery = {photo.record.patient for photo in trial.gallery}
    assert held & in_gallery == set()
    assert held | in_gallery == {patient.id for patient in trial.cohort.patients}
    assert len(trial.gallery) + len(trial.probes) == trial.cohort.photo_count
    evidence = {line.patient for probe in trial.probes for line in probe.match.lines}
    assert evidence <= in_gallery


def test_ranks_are_those_of_a_plain_calculation(trial: Trial):
    for probe in trial.probes:
        assert probe.encoded is not None
        nearest: dict[str, float] = defaultdict(lambda: -2.0)
        for photo in trial.gallery:
            id_ = photo.record.disorders[0].id
            similarity = float(photo.descriptor.astype(float) @ probe.encoded.descriptor)
            nearest[id_] = max(nearest[id_], similarity)
        order = sorted(nearest, key=lambda id_: -nearest[id_])
        assert [line.id for line in probe.match.lines] == order
        assert [line.similarity for line in probe.match.lines] == pytest.approx(
            [nearest[id_] for id_ in order], abs=1e-6
        )
        assert probe.rank == order.index(probe.record.disorders[0].id) + 1


def test_every_descriptor_goes_with_its_own_crop(trial: Trial, tiny_store: ModelStore):
    from gestalt_space.descriptors import to_descriptors
    from gestalt_space.encoders.registry import find_encoder_model, open_encoder

    encoder = open_encoder(find_encoder_model(tiny_store, "tiny"))
    photos = [*trial.gallery, *(probe.encoded for probe in trial.probes if probe.encoded)]
    expected = to_descriptors(encoder.encode(np.stack([photo.crop for photo in photos])))
    found = np.stack([photo.descriptor for photo in photos])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_top_k_counts_and_chance(trial: Trial):
    ranks = [probe.rank or 99 for probe in trial.probes]
    assert [top.k for top in trial.top()] == [1, 5, 10, 30]
    for top in trial.top():
        assert (top.hits, top.probes) == (sum(rank <= top.k for rank in ranks), len(ranks))
        assert top.share == top.hits / top.probes
        assert top.chance == min(1.0, top.k / 5)


def test_a_photo_without_a_face_counts_as_not_found(trial: Trial):
    first = trial.probes[0]
    lost = replace(first, encoded=None, match=replace(first.match, lines=()))
    changed = replace(trial, probes=(lost, *trial.probes[1:]))
    assert lost.rank is None
    assert changed.top()[-1].hits == trial.top()[-1].hits - 1
    assert changed.top()[-1].probes == len(trial.probes)
    assert changed.shown is trial.probes[1]


def test_who_is_shown_is_the_first_by_identifier(trial: Trial):
    assert trial.shown.record.patient == min(trial.held_back)


def test_photos_without_a_face_end_the_trial_with_a_hint(
    tmp_path: Path, tiny_store: ModelStore, trial: Trial
):
    landmarks = tmp_path / "none.csv"
    landmarks.write_text("photo,x1,y1,x2,y2,x3,y3,x4,y4,x5,y5\n")
    write_cohort(trial.cohort, tmp_path / "cohort")
    home = make_home(tmp_path / "home", tiny_store)
    with (
        Gallery.open(home, space="tiny", landmarks=landmarks) as gallery,
        pytest.raises(FaceError, match="found no face in the photos of the gallery"),
    ):
        run_trial(trial.cohort, tmp_path / "cohort", gallery)
