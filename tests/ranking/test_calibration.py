"""What a similarity means in a gallery."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gestalt_space.gallery.calibration import nearest_wrong as module
from gestalt_space.gallery.calibration.fitting import fit_calibration
from gestalt_space.ranking.calibration import (
    CLOSE,
    FEWEST_PATIENTS,
    TAILS,
    VERSION,
    WEAK,
    Calibration,
    SizeCurve,
    references_of,
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


def test_the_best_wrong_disorder_by_hand() -> None:
    """One photo a patient: each patient's nearest of all other disorders, in plain loops."""
    rng = np.random.default_rng(4)
    patients, disorders = 40, 5
    faces = unit(rng, patients, DIM)
    disorder = np.arange(patients) % disorders
    pairs = np.stack([np.arange(patients), disorder], axis=1)
    found = fit_calibration(faces, grouping(np.arange(patients), np.arange(patients), pairs))
    similar = faces @ faces.T
    best = np.where(disorder[:, None] != disorder, similar, -1).max(axis=1)
    for edge in (0.1, 0.25, 0.4, 0.55):
        share = 100 * np.mean(best < edge)
        assert found.best_percentile(edge) == pytest.approx(share, abs=1e-3)


def curve(size: int, middle: float, ratios: tuple[float, ...] = ()) -> SizeCurve:
    """Whose upper half lies a tenth about a middle, with two bins where there are ratios."""
    return SizeCurve(
        size,
        12,
        middle + np.linspace(-0.1, 0.1, len(TAILS)),
        np.array([middle]) if ratios else np.zeros(0),
        np.array(ratios),
        np.array(ratios) / 2,
    )


def by_hand(*curves: SizeCurve) -> Calibration:
    return Calibration(curves, np.zeros(0), 0.5, 100, 90, 20, 0)


def test_a_percentile_lies_between_those_of_the_nearest_numbers_of_references() -> None:
    found = by_hand(curve(1, 0.2), curve(4, 0.3))
    assert found.percentile(0.2, 1) == pytest.approx(100 * (1 - found.curves[0].tail(0.2)))
    assert found.percentile(0.3, 4) == pytest.approx(found.percentile(0.2, 1))
    between = found.percentile(0.25, 2)
    ends = [found.percentile(0.25, 1), found.percentile(0.25, 4)]
    assert between == pytest.approx(np.mean(ends))
    # As near is less with more references.
    assert ends[0] > ends[1]
    assert found.percentile(0.25, 400) == ends[1]
    assert by_hand().percentile(0.2, 1) is None


def test_a_ratio_is_of_the_largest_number_of_references_that_is_near() -> None:
    found = by_hand(curve(1, 0.2, (0.5, 4.0)), curve(5, 0.4, (0.25, 40.0)), curve(8, 0.45))
    for references, similarity, value in (
        (1.0, 0.21, 4.0),
        (1.6, 0.21, 0.5),
        (5.0, 0.41, 40.0),
        (5.0, 0.39, 0.25),
        (8.0, 0.44, 0.25),
        (8.0, 0.46, 40.0),
    ):
        ratio = found.likelihood_ratio(similarity, references)
        assert ratio is not None, references
        assert (ratio.value, ratio.lower) == (value, value / 2), (references, similarity)
    for references in (2.0, 4.0, 9.0):
        assert found.likelihood_ratio(0.5, references) is None
        assert "fewer than 10 disorders" in (found.why_no_ratio(references) or "")
    assert found.why_no_ratio(5.0) is None
    assert "too few patients" in (by_hand().why_no_ratio(5.0) or "")


def test_a_disorder_without_a_ratio_borrows_that_of_fewer_references() -> None:
    found = by_hand(curve(2, 0.2, (0.5, 4.0)), curve(5, 0.4, (0.25, 40.0)), curve(20, 0.5))
    for references, similarity, value in (
        (3.6, 0.5, 4.0),
        (20.0, 0.51, 40.0),
        (20.0, 0.49, 0.25),
        (300.0, 0.51, 40.0),
    ):
        assert found.likelihood_ratio(similarity, references) is None
        assert found.borrowed_ratio(similarity, references) == value, (references, similarity)
    assert found.borrowed_ratio(0.5, 5.0) is None, "it has its own"
    assert found.borrowed_ratio(0.5, 1.0) is None
    assert by_hand(curve(1, 0.2)).borrowed_ratio(0.5, 1.0) is None


def test_photos_of_a_patient_count_less_than_patients() -> None:
    assert references_of(np.array([1, 4]), 0.5).tolist() == [1, 1.6]
    assert references_of(np.array([4]), 1.0) == 1
    assert references_of(np.array([4]), 0.0) == 4
    assert by_hand().references(np.array([1, 1, 4])) == pytest.approx(3.6)


def test_ratios_never_fall_and_the_ends_stand_for_what_is_beyond(fitted: Calibration) -> None:
    ratios = [fitted.likelihood_ratio(float(v), 13) for v in np.linspace(-1, 1, 100)]
    values = [one.value for one in ratios if one is not None]
    assert len(values) == 100
    assert (np.diff(values) >= 0).all()
    assert values[0] < 1 < values[-1]
    assert ratios[-1] is not None
    assert ratios[-1].lower > 2.08
    assert fitted.likelihood_ratio(5.0, 13) == fitted.likelihood_ratio(1.0, 13)


def test_labels_without_meaning_weigh_nothing_however_unequal_the_disorders() -> None:
    """Faces that say something, and disorders that are dealt out anew: one large, many of two."""
    over = []
    for seed in range(40):
        faces, groups = simulated(200, 10, strength=1.0, seed=seed)
        rng = np.random.default_rng(seed)
        owner = np.empty(len(faces), np.int64)
        owner[groups.rows] = groups.patients[groups.patient_of_row]
        told = np.concatenate([np.zeros(100, np.int64), 1 + np.arange(100) // 2])
        pairs = np.stack([rng.permutation(200), told], axis=1)
        found = fit_calibration(faces, grouping(np.arange(len(faces)), owner, pairs))
        assert found.why_no_ratio(99) is not None
        highest = found.likelihood_ratio(1.0, 1)
        assert highest is not None
        over.append(highest.lower > 1)
    assert np.mean(over) <= 0.1


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
    assert np.allclose(once.best_other, twice.best_other, atol=1e-6)
    assert [c.size for c in once.curves] == [c.size for c in twice.curves]


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
    assert np.allclose(here.best_other, there.best_other, atol=1e-6)
    assert fit_calibration(faces, groups).to_json() == here.to_json()


def test_own_disorders_are_never_others() -> None:
    """Everybody has both disorders: there is no other one."""
    faces, _ = simulated(60, 2, strength=1.0, seed=8)
    patients = np.arange(len(faces))
    pairs = np.concatenate([np.stack([patients, np.full(len(faces), d)], axis=1) for d in (0, 1)])
    found = fit_calibration(faces, grouping(patients, patients, pairs))
    assert found.percentile(0.5, 1) is None
    assert found.likelihood_ratio(0.5, 1) is None
    assert found.companions == len(faces)


@pytest.mark.parametrize(
    ("patients", "disorders"), [(0, 1), (1, 1), (2, 2), (FEWEST_PATIENTS - 1, 3), (30, 30)]
)
def test_small_galleries_withhold(patients: int, disorders: int) -> None:
    rng = np.random.default_rng(5)
    owner = np.arange(patients)
    pairs = np.stack([owner, owner % disorders], axis=1)
    found = fit_calibration(unit(rng, patients, DIM), grouping(owner, owner, pairs))
    assert found.likelihood_ratio(0.5, 1) is None
    assert (found.best_percentile(0.5) is None) == (patients < FEWEST_PATIENTS)


def test_of_many_patients_some_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    faces, groups = simulated(400, 20, strength=1.0, seed=1)
    whole = fit_calibration(faces, groups)
    monkeypatch.setattr(module, "MOST_PATIENTS", 200)
    part = fit_calibration(faces, groups)
    assert part.patients == whole.patients == 400
    assert np.abs(part.best_other - whole.best_other).max() < 0.1
    assert not np.array_equal(part.best_other, whole.best_other)


def test_a_calibration_comes_back_from_its_text(fitted: Calibration) -> None:
    back = Calibration.from_json(fitted.to_json())
    assert back is not None
    assert back.best_other == pytest.approx(fitted.best_other, abs=1e-6)
    assert [c.size for c in back.curves] == [c.size for c in fitted.curves]
    for one, other in zip(back.curves, fitted.curves, strict=True):
        for name in ("similarities", "edges", "ratio", "lower"):
            assert getattr(one, name) == pytest.approx(getattr(other, name), abs=1e-6)
    assert (back.patients, back.companions, back.disorders) == (400, fitted.companions, 20)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-9],
        lambda text: text.replace(f'"version": {VERSION}', f'"version": {VERSION - 1}'),
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
    first = fitted.curves[0]
    for changed in (
        replace(first, ratio=first.ratio[:-1]),
        replace(first, lower=np.zeros(0)),
        replace(first, edges=first.edges[1:]),
        replace(first, ratio=first.ratio[::-1]),
        replace(first, similarities=first.similarities[::-1]),
        replace(first, lower=first.ratio + 1),
    ):
        assert not replace(fitted, curves=(changed, *fitted.curves[1:])).is_whole()
    assert not replace(fitted, curves=fitted.curves[::-1]).is_whole()
    assert not replace(fitted, best_other=fitted.best_other[::-1]).is_whole()
