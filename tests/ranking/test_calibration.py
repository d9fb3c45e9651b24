"""What a similarity means in a gallery."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gestalt_space.ranking import calibration as module
from gestalt_space.ranking.calibration import (
    BINS,
    CLOSE,
    EDGES,
    FEWEST_PATIENTS,
    WEAK,
    Calibration,
    fit_calibration,
    verdict_of,
)
from gestalt_space.ranking.grouping import Grouping, grouping
from gestalt_space.types import Descriptors
from tests.made import unit

DIM = 32


def simulated(
    patients: int, disorders: int, *, strength: float, seed: int, centres: int = 1
) -> tuple[Descriptors, Grouping]:
    """Patients with one or two photos around the centre of their disorder, which `centres` draws:
    galleries of the same centres have the same disorders."""
    middle = unit(np.random.default_rng(centres), disorders, DIM)
    rng = np.random.default_rng(seed)
    disorder = rng.integers(0, disorders, patients)
    owner = np.repeat(np.arange(patients), rng.integers(1, 3, patients))
    person = unit(rng, patients, DIM)
    faces = strength * middle[disorder][owner] + person[owner] + 0.3 * unit(rng, len(owner), DIM)
    faces /= np.linalg.norm(faces, axis=1, keepdims=True)
    pairs = np.stack([np.arange(patients), disorder], axis=1)
    return faces.astype(np.float32), grouping(np.arange(len(owner)), owner, pairs)


@pytest.fixture(scope="module")
def fitted() -> Calibration:
    return fit_calibration(*simulated(400, 20, strength=1.0, seed=1))


def test_the_background_is_the_similarity_to_other_disorders_by_hand() -> None:
    """One photo a patient: each patient's nearest of every other disorder, in plain loops."""
    rng = np.random.default_rng(4)
    patients, disorders = 40, 5
    faces = unit(rng, patients, DIM)
    disorder = np.arange(patients) % disorders
    pairs = np.stack([np.arange(patients), disorder], axis=1)
    found = fit_calibration(faces, grouping(np.arange(patients), np.arange(patients), pairs))
    lines, best = [], []
    for patient in range(patients):
        similar = faces @ faces[patient]
        others = [
            max(similar[p] for p in range(patients) if disorder[p] == d)
            for d in range(disorders)
            if d != disorder[patient]
        ]
        lines += others
        best.append(max(others))
    for edge in (0.0, 0.1, 0.25, 0.4):
        share = 100 * np.mean(np.array(lines) < edge)
        assert found.percentile(edge) == pytest.approx(share, abs=1e-3)
        share = 100 * np.mean(np.array(best) < edge)
        assert found.best_percentile(edge) == pytest.approx(share, abs=1e-3)


def test_similar_is_likelier(fitted: Calibration) -> None:
    low, high = fitted.likelihood_ratio(0.2), fitted.likelihood_ratio(0.8)
    assert low is not None
    assert high is not None
    assert low.value < 1 < high.value
    assert high.lower <= high.value
    assert (np.diff(fitted.ratio) >= 0).all()
    assert fitted.likelihood_ratio(5.0) == fitted.likelihood_ratio(1.0)


def test_labels_without_meaning_weigh_nothing() -> None:
    """Faces that say something, and disorders that are dealt out anew: whatever a similarity is,
    the ratio is about 1 in the middle, and its lower bound no evidence anywhere."""
    supported = []
    for seed in range(20):
        faces, groups = simulated(200, 10, strength=1.0, seed=seed)
        rng = np.random.default_rng(seed)
        owner = np.empty(len(faces), np.int64)
        owner[groups.rows] = groups.patients[groups.patient_of_row]
        pairs = np.stack([np.arange(200), rng.permutation(200) % 10], axis=1)
        found = fit_calibration(faces, grouping(np.arange(len(faces)), owner, pairs))
        middle = found.likelihood_ratio(float(EDGES[np.argmax(found.best_other >= 0.1)]))
        assert middle is not None
        assert 0.5 < middle.value < 2
        supported.append(found.ratio_lower.max() >= 2.08)
    assert np.mean(supported) <= 0.05


def test_a_patient_is_never_evidence_for_the_same_patient() -> None:
    """Photos of one patient are alike to the bit, and everybody else is far away."""
    faces = np.repeat(np.eye(DIM, dtype=np.float32)[:30], 3, axis=0)
    owner = np.repeat(np.arange(30), 3)
    pairs = np.stack([np.arange(30), np.arange(30) % 5], axis=1)
    found = fit_calibration(faces, grouping(np.arange(90), owner, pairs))
    assert found.companions == 30
    assert found.best_percentile(0.01) == 100
    alone = np.stack([np.arange(30), np.arange(30)], axis=1)
    assert fit_calibration(faces, grouping(np.arange(90), owner, alone)).companions == 0


def test_the_verdict_holds_for_patients_whose_disorder_is_not_there() -> None:
    """Of new patients of other disorders about 5 % get a close match and 20 % a weak one or more;
    of new patients of the gallery's disorders most get one."""
    faces, groups = simulated(600, 30, strength=1.2, seed=3)
    found = fit_calibration(faces, groups)

    def shares(strangers: Descriptors) -> tuple[float, float]:
        best = np.array([found.best_percentile(v) for v in (strangers @ faces.T).max(axis=1)])
        return float((best >= CLOSE).mean()), float((best >= WEAK).mean())

    absent, _ = simulated(400, 30, strength=1.2, seed=4, centres=9)
    close, weak = shares(absent)
    assert close == pytest.approx(0.05, abs=0.04)
    assert weak == pytest.approx(0.20, abs=0.08)
    present, _ = simulated(400, 30, strength=1.2, seed=5)
    close, weak = shares(present)
    assert close > 0.5


def test_verdicts_by_percentile() -> None:
    verdicts = [verdict_of(p) for p in (0, 79.9, 80, 94.9, 95, 100)]
    assert verdicts == ["no close match"] * 2 + ["weak match"] * 2 + ["close match"] * 2


def test_a_patient_counts_once_however_many_the_photos() -> None:
    faces, groups = simulated(120, 6, strength=1.0, seed=6)
    once = fit_calibration(faces, groups)
    rows = np.arange(len(faces))
    doubled = np.concatenate([faces, faces])
    owner = np.empty(len(faces), np.int64)
    owner[groups.rows] = groups.patients[groups.patient_of_row]
    pairs = np.stack(
        [groups.patients[groups.members], groups.groups[groups.group_of_member]], axis=1
    )
    twice = fit_calibration(
        doubled, grouping(np.arange(2 * len(rows)), np.concatenate([owner, owner]), pairs)
    )
    assert np.allclose(once.background, twice.background, atol=1e-6)
    assert np.allclose(once.ratio, twice.ratio, rtol=1e-4)


def test_the_order_of_rows_changes_nothing_and_the_seed_decides() -> None:
    faces, groups = simulated(120, 6, strength=1.0, seed=7)
    moved = np.random.default_rng(1).permutation(len(faces))
    owner = np.empty(len(faces), np.int64)
    owner[groups.rows] = groups.patients[groups.patient_of_row]
    pairs = np.stack(
        [groups.patients[groups.members], groups.groups[groups.group_of_member]], axis=1
    )
    there = fit_calibration(faces[moved], grouping(np.arange(len(faces)), owner[moved], pairs))
    here = fit_calibration(faces, groups)
    assert np.allclose(here.background, there.background, atol=1e-6)
    assert fit_calibration(faces, groups).to_json() == here.to_json()


def test_own_disorders_are_never_others() -> None:
    """Everybody has both disorders: there is no other one."""
    faces, _ = simulated(60, 2, strength=1.0, seed=8)
    patients = np.arange(len(faces))
    pairs = np.concatenate([np.stack([patients, np.full(len(faces), d)], axis=1) for d in (0, 1)])
    found = fit_calibration(faces, grouping(patients, patients, pairs))
    assert found.percentile(0.5) is None
    assert found.likelihood_ratio(0.5) is None
    assert found.companions == len(faces)


@pytest.mark.parametrize(
    ("patients", "disorders"), [(0, 1), (1, 1), (2, 2), (FEWEST_PATIENTS - 1, 3), (30, 30)]
)
def test_small_galleries_withhold(patients: int, disorders: int) -> None:
    rng = np.random.default_rng(5)
    owner = np.arange(patients)
    pairs = np.stack([owner, owner % disorders], axis=1)
    found = fit_calibration(unit(rng, patients, DIM), grouping(owner, owner, pairs))
    assert found.likelihood_ratio(0.5) is None
    assert (found.best_percentile(0.5) is None) == (patients < FEWEST_PATIENTS)


def test_of_many_patients_some_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    faces, groups = simulated(400, 20, strength=1.0, seed=1)
    whole = fit_calibration(faces, groups)
    monkeypatch.setattr(module, "MOST_PATIENTS", 200)
    part = fit_calibration(faces, groups)
    assert part.patients == whole.patients == 400
    assert np.abs(part.background - whole.background).max() < 0.05
    assert not np.array_equal(part.background, whole.background)


def test_a_calibration_comes_back_from_its_text(fitted: Calibration) -> None:
    back = Calibration.from_json(fitted.to_json())
    assert back is not None
    for name in ("background", "best_other", "ratio", "ratio_lower"):
        assert getattr(back, name) == pytest.approx(getattr(fitted, name), abs=1e-6)
    assert (back.patients, back.companions, back.disorders) == (400, fitted.companions, 20)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-9],
        lambda text: text.replace('"version": 2', '"version": 1'),
        lambda text: text.replace('"patients"', '"people"'),
        lambda text: text.replace("[0.0, ", "[", 1),
        lambda text: text.replace("[0.0, ", "[NaN, ", 1),
        lambda _: "[]",
        lambda _: "",
    ],
)
def test_a_damaged_text_is_none(fitted: Calibration, damage: object) -> None:
    assert Calibration.from_json(damage(fitted.to_json())) is None  # type: ignore[operator]


def test_curves_are_whole(fitted: Calibration) -> None:
    assert fitted.is_whole()
    assert len(EDGES) == BINS + 1
    assert not replace(fitted, ratio=fitted.ratio[:-1]).is_whole()
    assert not replace(fitted, ratio_lower=np.zeros(0)).is_whole()
    assert not replace(fitted, ratio=fitted.ratio[::-1]).is_whole()
    assert not replace(fitted, background=fitted.background[::-1]).is_whole()
    assert not replace(fitted, ratio_lower=fitted.ratio + 1).is_whole()
