"""When a gallery is calibrated, and what becomes of that in its matches."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from gestalt_space.errors import GalleryMissing
from gestalt_space.gallery.calibration import calibrating
from gestalt_space.gallery.calibration.calibrating import CalibrationState, refresh_calibration
from gestalt_space.gallery.calibration.expected import Expected
from gestalt_space.gallery.pipeline import PhotoSource
from gestalt_space.home import Gallery
from gestalt_space.store import reads
from gestalt_space.store import tables as t
from gestalt_space.store.calibrations import stored_calibration
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.databases import address_of
from tests.galleries import add, fill_once, make_home, open_gallery, row
from tests.prepared import Prepared

PATIENTS = 24


@pytest.fixture
def gallery(tmp_path: Path, tiny_store: ModelStore, prepared: Prepared) -> Iterator[Gallery]:
    """Patients of three disorders, one photo each."""
    photos = [made.photo_file(tmp_path / f"{n}.png", n) for n in range(PATIENTS)]
    rows = [row(p, f"P{n:02}", f"D{n % 3}") for n, p in enumerate(photos)]
    home = make_home(tmp_path / "home", tiny_store)
    with open_gallery(fill_once(prepared, "calibrating", home, *rows)) as opened:
        yield opened


def sequence(gallery: Gallery) -> int:
    with gallery.database.reading() as session:
        stored = stored_calibration(session, reads.spaces(session)[0])
    assert stored is not None
    return stored.sequence


def test_adding_calibrates_when_much_is_new(gallery: Gallery, tmp_path: Path) -> None:
    first = sequence(gallery)
    few = PATIENTS // 8
    new = [made.photo_file(tmp_path / f"n{n}.png", 100 + n) for n in range(few + 1)]
    add(gallery, *(row(p, f"Q{n}", "D0") for n, p in enumerate(new[:few])))
    assert sequence(gallery) == first
    add(gallery, row(new[few], "Q9", "D0"))
    assert sequence(gallery) > first


def test_diagnoses_that_come_calibrate_too(gallery: Gallery, tmp_path: Path) -> None:
    first = sequence(gallery)
    known = [tmp_path / f"{n}.png" for n in range(4)]
    add(gallery, *(row(p, f"P{n:02}", f"D{n % 3}", "D9") for n, p in enumerate(known)))
    assert sequence(gallery) >= first
    with gallery.database.reading() as session:
        stored = stored_calibration(session, reads.spaces(session)[0])
    assert stored is not None
    assert stored.diagnoses == PATIENTS + 4


def test_removing_and_rebuilding_calibrate(gallery: Gallery) -> None:
    first = sequence(gallery)
    gallery.remove(patients=[f"P{n:02}" for n in range(6)])
    second = sequence(gallery)
    assert second > first
    space = gallery.stats().spaces[0][0]
    where = gallery.database, gallery._reader, space, gallery.settings.calibrating_dir
    assert not refresh_calibration(*where)
    assert refresh_calibration(*where, force=True)
    with gallery.database.writing() as session:
        session.execute(sa.delete(t.Calibration))
    gallery.rebuild()
    assert sequence(gallery) > second, "a calibration that is saved is a change"


def test_a_match_has_a_verdict_and_percentiles(gallery: Gallery, tmp_path: Path) -> None:
    photo = made.photo_file(tmp_path / "probe.png", 999)
    (found,) = gallery.match([PhotoSource("probe", photo)])
    assert found.verdict in ("close match", "weak match", "no close match")
    assert found.best_percentile is not None
    assert all(line.percentile is not None for line in found.lines)
    calibration = gallery.snapshot().calibration
    assert calibration is not None
    for line in found.lines:
        assert line.percentile == calibration.percentile(line.similarity, line.photos)
        # Three disorders are too few for a ratio, and the line says so.
        assert line.likelihood_ratio is None
        assert line.no_ratio is not None
        assert "fewer than 10 disorders" in line.no_ratio


def test_a_damaged_calibration_is_none_and_is_fitted_anew(gallery: Gallery, tmp_path: Path) -> None:
    with gallery.database.writing() as session:
        session.execute(sa.update(t.Calibration).values(document="{"))
    photo = made.photo_file(tmp_path / "probe.png", 999)
    (found,) = gallery.match([PhotoSource("probe", photo)])
    assert found.verdict is None
    assert len(found.lines) == 3
    gallery.rebuild()
    (found,) = gallery.match([PhotoSource("probe", photo)])
    assert found.verdict is not None


def test_what_another_version_fitted_is_fitted_anew_with_the_next_photo(
    gallery: Gallery, tmp_path: Path
) -> None:
    with gallery.database.writing() as session:
        session.execute(sa.update(t.Calibration).values(document='{"version": 0}'))
    add(gallery, row(made.photo_file(tmp_path / "next.png", 200), "P00"))
    assert gallery.snapshot().calibration is not None


def test_what_takes_too_long_is_left_and_said_to_be_due(
    gallery: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = sequence(gallery)
    monkeypatch.setattr(calibrating, "AT_ONCE_SECONDS", 0.0)
    add(gallery, *(row(made.photo_file(tmp_path / f"m{n}.png", 300 + n), "Q") for n in range(9)))
    assert sequence(gallery) == first
    state = gallery.calibration()
    assert state is not None
    assert (state.state, state.photos, state.gallery_photos) == ("old", PATIENTS, PATIENTS + 9)
    assert state.told == (
        "The calibration is old: it used 24 photos, and the gallery has 33. "
        "Run `gestalt index calibrate`."
    )
    found = gallery.calibrate()
    assert found.saved
    assert found.photos == 33
    assert sequence(gallery) > first
    after = gallery.calibration()
    assert after is not None
    assert (after.state, after.told) == ("current", None)


def test_one_that_takes_longer_than_expected_leaves_what_was_done_to_the_job(
    gallery: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = sequence(gallery)
    nothing = Expected(0.0, 0.0, 0.0)
    monkeypatch.setattr(calibrating, "expected_seconds", lambda *_: nothing)
    monkeypatch.setattr(calibrating, "AT_ONCE_SECONDS", 0.0)
    shutil.rmtree(gallery.settings.calibrating_dir)
    add(
        gallery,
        *(row(made.photo_file(tmp_path / f"m{n}.png", 300 + n), "Q", "D0") for n in range(9)),
    )
    assert sequence(gallery) == first
    assert list(gallery.settings.calibrating_dir.rglob("*.npz"))
    assert gallery.calibrate().saved


def test_a_state_in_words() -> None:
    old = CalibrationState("old", 8, 8, 8, 12, 0)
    assert old.told is not None
    assert "used 8 diagnoses, and the gallery has 12" in old.told
    moved = replace(old, gallery_diagnoses=8, changes=2_000)
    assert moved.told is not None
    assert "2,000 photos were added or removed" in moved.told
    none = CalibrationState("none", None, None, 8, 8, 0)
    assert none.told is not None
    assert "not calibrated" in none.told
    assert replace(none, gallery_photos=0).told is None


def test_an_earlier_state_never_takes_the_place_of_a_later_one(
    gallery: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that began before photos came ends after another one has calibrated them."""
    finish = calibrating.finish

    def meanwhile(*given: Any, **options: Any) -> Any:
        found = finish(*given, **options)
        monkeypatch.setattr(calibrating, "finish", finish)
        new = [made.photo_file(tmp_path / f"m{n}.png", 300 + n) for n in range(9)]
        with open_gallery(gallery.settings.home) as other:
            add(other, *(row(photo, f"Q{n}", "D1") for n, photo in enumerate(new)))
            other.calibrate()
        return found

    monkeypatch.setattr(calibrating, "finish", meanwhile)
    found = gallery.calibrate()
    assert not found.saved
    assert found.photos == PATIENTS
    state = gallery.calibration()
    assert state is not None
    assert (state.state, state.photos) == ("current", PATIENTS + 9)


def test_removing_deletes_what_was_kept(gallery: Gallery) -> None:
    gallery.calibrate()
    kept = set(gallery.settings.calibrating_dir.rglob("*.npz"))
    assert kept
    gallery.remove(patients=["P00"])
    assert not kept & set(gallery.settings.calibrating_dir.rglob("*.npz"))


def test_without_anything_in_the_space_there_is_nothing_to_calibrate(
    tmp_path: Path, tiny_store: ModelStore
) -> None:
    address_of(tmp_path / "empty", empty=True)
    with open_gallery(make_home(tmp_path / "empty", tiny_store)) as opened:
        assert opened.calibration() is None
        with pytest.raises(GalleryMissing):
            opened.calibrate()
