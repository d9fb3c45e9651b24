"""The nearest patient of a wrong disorder, a block at a time and from what was kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gestalt_space.gallery.calibration import nearest_wrong as module
from gestalt_space.gallery.calibration.array_cache import ArrayCache
from gestalt_space.gallery.calibration.nearest_wrong import NearestWrong
from gestalt_space.gallery.calibration.rows import ArrayRows
from gestalt_space.ranking.aggregation import score_groups
from gestalt_space.ranking.grouping import Grouping
from gestalt_space.types import Descriptors
from tests.gallery.calibration.galleries import Made


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Made:
    """A gallery of 600 photos, of which a block has 100."""
    from gestalt_space.gallery.calibration import rows

    for where in (module, rows):
        monkeypatch.setattr(where, "BLOCK", 100)
    monkeypatch.setattr(module, "AT_ONCE", 64)
    return Made(300, 12)


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many probes were compared with a block, each time."""
    counts: list[int] = []
    highest = module._Block._highest

    def counting(block: module._Block, probes: np.ndarray) -> np.ndarray:
        counts.append(len(probes))
        return highest(block, probes)

    monkeypatch.setattr(module._Block, "_highest", counting)
    return counts


def best_of(made: Made, patients: int, kept: ArrayCache | None = None) -> np.ndarray:
    faces, ids, groups = made.first(patients)
    job = NearestWrong(ArrayRows(faces, ids), groups, 0, kept)
    assert all(0 < share <= 1 for share in job.compare())
    return job.best


def by_all_scores(faces: Descriptors, groups: Grouping, rows: np.ndarray) -> np.ndarray:
    """The best score of another disorder, from the scores of every disorder."""
    place = np.full(len(faces), -1)
    place[groups.rows] = groups.patient_of_row
    own = place[rows]
    scores = score_groups(faces[rows] @ faces.T, groups, ["nearest"], own=groups.families[own])
    best = scores["nearest"]
    which, member = groups.memberships_of(own)
    best[which, groups.group_of_member[member]] = -np.inf
    return best.max(axis=1)


def test_it_is_the_best_score_of_another_disorder(made: Made) -> None:
    faces, _, groups = made.first(300)
    assert groups.most_memberships > 1
    assert len(np.unique(groups.families)) < len(groups.patients)
    assert len(groups.rows) < len(faces)
    job = NearestWrong(ArrayRows(faces), groups, 0)
    assert len(job.best) == len(groups.rows)
    shares = list(job.compare())
    assert shares == sorted(shares)
    assert shares[-1] == 1
    expected = by_all_scores(faces, groups, groups.rows)
    assert job.best == pytest.approx(expected, abs=1e-6)


def test_the_second_time_nothing_is_compared(
    made: Made, compared: list[int], tmp_path: Path
) -> None:
    first = best_of(made, 300, ArrayCache(tmp_path / "kept"))
    assert sum(compared) == 6 * len(first)
    compared.clear()
    assert np.array_equal(best_of(made, 300, ArrayCache(tmp_path / "kept")), first)
    assert not compared


@pytest.mark.parametrize("after", [1, 3, 10])
def test_an_interrupted_one_goes_on_and_ends_alike(
    made: Made, compared: list[int], tmp_path: Path, after: int
) -> None:
    faces, ids, groups = made.first(300)
    whole = best_of(made, 300)
    all_of = sum(compared)
    compared.clear()
    steps = NearestWrong(ArrayRows(faces, ids), groups, 0, ArrayCache(tmp_path / "kept")).compare()
    for _ in range(after):
        next(steps)
    steps.close()
    assert np.array_equal(best_of(made, 300, ArrayCache(tmp_path / "kept")), whole)
    assert sum(compared) == all_of


def test_after_patients_came_the_old_blocks_are_for_new_probes_alone(
    made: Made, compared: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With probes drawn of many patients: who was drawn stays, but for a few."""
    for name in ("MOST_PATIENTS", "MOST_PHOTOS"):
        monkeypatch.setattr(module, name, 100)
    best_of(made, 260, ArrayCache(tmp_path / "kept"))
    compared.clear()
    after = best_of(made, 300, ArrayCache(tmp_path / "kept"))
    assert 100 < sum(compared) < 350, "of 100 probes and six blocks"
    compared.clear()
    assert after == pytest.approx(best_of(made, 300), abs=1e-6)
    assert sum(compared) == 600


@pytest.mark.parametrize("what", ["diagnosis", "family", "descriptor"])
def test_what_is_known_of_a_patient_is_looked_at(made: Made, tmp_path: Path, what: str) -> None:
    """A change that leaves all ids as they were."""
    before = best_of(made, 300, ArrayCache(tmp_path / "kept"))
    if what == "diagnosis":
        made.pairs = made.pairs.copy()
        made.pairs[:40, 1] = (made.pairs[:40, 1] + 1) % 12
    elif what == "family":
        made.families = made.families // 3
    else:
        made.faces = made.faces[::-1].copy()
    after = best_of(made, 300, ArrayCache(tmp_path / "kept"))
    fresh = best_of(made, 300)
    assert after == pytest.approx(fresh, abs=1e-6)
    assert len(before) != len(fresh) or not np.allclose(before, fresh)


def test_what_is_kept_of_blocks_that_are_gone_is_deleted(made: Made, tmp_path: Path) -> None:
    best_of(made, 300, ArrayCache(tmp_path))
    first = {path.name for path in tmp_path.iterdir()}
    assert len(first) == 6
    made.faces = made.faces[::-1].copy()
    best_of(made, 300, ArrayCache(tmp_path))
    second = {path.name for path in tmp_path.iterdir()}
    assert len(second) == 6
    assert not first & second


@pytest.mark.parametrize("damage", [b"", b"PK", None])
def test_damaged_results_are_computed_anew(
    made: Made, tmp_path: Path, damage: bytes | None
) -> None:
    whole = best_of(made, 300, ArrayCache(tmp_path))
    for path in tmp_path.iterdir():
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 255
        path.write_bytes(bytes(data) if damage is None else damage)
    assert np.array_equal(best_of(made, 300, ArrayCache(tmp_path)), whole)
