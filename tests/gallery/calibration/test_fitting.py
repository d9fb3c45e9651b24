"""A fit in steps: interrupted, gone on with, and limited in time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.gallery.calibration import fitting, nearest_wrong, references, rows
from gestalt_space.gallery.calibration.array_cache import ArrayCache
from gestalt_space.gallery.calibration.fitting import finish, fit_calibration, fit_in_steps
from gestalt_space.gallery.calibration.rows import ArrayRows
from tests.gallery.calibration.galleries import Made

KILLED = """
import os, signal, sys
from pathlib import Path
from gestalt_space.gallery.calibration import nearest_wrong, rows
from gestalt_space.gallery.calibration.fitting import fit_in_steps
from gestalt_space.gallery.calibration.array_cache import ArrayCache
from gestalt_space.gallery.calibration.rows import ArrayRows
from tests.gallery.calibration.galleries import Made
rows.BLOCK = nearest_wrong.BLOCK = 100
faces, ids, groups = Made(300, 12).first(300)
for share in fit_in_steps(ArrayRows(faces, ids), groups, kept=ArrayCache(Path(sys.argv[1]))):
    if len(list(Path(sys.argv[1]).glob("*.npz"))) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    for where in (nearest_wrong, rows):
        monkeypatch.setattr(where, "BLOCK", 100)
    monkeypatch.setattr(references, "AT_ONCE", 200)


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.usefixtures("small_blocks")
def test_killed_in_the_middle_and_started_again_it_ends_in_the_very_same_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept"
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(kept)], check=False, capture_output=True
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert len(list(kept.glob("*.npz"))) == 3
    faces, ids, groups = Made(300, 12).first(300)
    whole = finish(fit_in_steps(ArrayRows(faces, ids), groups))
    compared: list[int] = []
    highest = nearest_wrong._Block._highest

    def counting(block: nearest_wrong._Block, probes: np.ndarray) -> np.ndarray:
        compared.append(len(probes))
        return highest(block, probes)

    monkeypatch.setattr(nearest_wrong._Block, "_highest", counting)
    again = finish(fit_in_steps(ArrayRows(faces, ids), groups, kept=ArrayCache(kept)))
    assert again is not None
    assert whole is not None
    assert sum(compared) == 3 * len(groups.rows), "with six blocks in all"
    assert len(again.curves) > 3
    assert len(again.best_other)
    assert again.to_json() == whole.to_json()


@pytest.mark.usefixtures("small_blocks")
def test_progress_grows_to_the_whole() -> None:
    faces, ids, groups = Made(300, 12).first(300)
    shares: list[float] = []
    assert finish(fit_in_steps(ArrayRows(faces, ids), groups), progress=shares.append) is not None
    assert shares == sorted(shares)
    assert shares[0] > 0
    assert shares[-1] == pytest.approx(1)
    assert len(shares) > 12


@pytest.mark.usefixtures("small_blocks")
def test_with_no_time_one_step_is_taken_and_kept(tmp_path: Path) -> None:
    faces, _, groups = Made(300, 12).first(300)
    whole = fit_calibration(faces, groups).to_json()
    for number in range(2 * 6):
        steps = fit_in_steps(ArrayRows(faces), groups, kept=ArrayCache(tmp_path))
        assert finish(steps, within=0.0) is None
        assert len(list(tmp_path.iterdir())) == number // 2 + 1, "two steps a block"
    found = finish(fit_in_steps(ArrayRows(faces), groups, kept=ArrayCache(tmp_path)))
    assert found is not None
    assert found.to_json() == whole


def test_the_size_of_blocks_and_the_order_of_what_is_fetched_change_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    faces, _, groups = Made(300, 12).first(300)
    whole = fit_calibration(faces, groups)
    monkeypatch.setattr(references, "AT_ONCE", 1)
    for where in (nearest_wrong, rows):
        monkeypatch.setattr(where, "BLOCK", 64)
    parts = fit_calibration(faces, groups)
    assert parts.best_other == pytest.approx(whole.best_other, abs=1e-2)
    for one, other in zip(parts.curves, whole.curves, strict=True):
        assert one.similarities == pytest.approx(other.similarities, abs=1e-6)
        assert one.ratio == pytest.approx(other.ratio, rel=1e-4)


@pytest.mark.usefixtures("small_blocks")
def test_after_patients_came_what_was_kept_gives_what_a_full_fit_gives(tmp_path: Path) -> None:
    made = Made(300, 12)
    for patients in (260, 280, 300):
        faces, ids, groups = made.first(patients)
        part = finish(fit_in_steps(ArrayRows(faces, ids), groups, kept=ArrayCache(tmp_path)))
        full = finish(fit_in_steps(ArrayRows(faces, ids), groups))
        assert part is not None
        assert full is not None
        assert part.to_json() == full.to_json()


def test_seeds_draw_apart() -> None:
    faces, _, groups = Made(300, 12).first(300)
    one, other = (fit_calibration(faces, groups, seed=seed) for seed in (0, 1))
    assert one.seed != other.seed
    assert one.curves[0].similarities != pytest.approx(other.curves[0].similarities, abs=1e-6)


def test_companions_have_somebody_beyond_the_family() -> None:
    _, _, groups = Made(300, 12).first(300)
    expected = set()
    for group in range(len(groups.groups)):
        members = groups.members_of(group)
        if len(set(groups.families[members].tolist())) > 1:
            expected |= set(members.tolist())
    assert fitting._companions(groups) == len(expected)
