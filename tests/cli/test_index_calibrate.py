"""`gestalt index calibrate`, and what other commands say of an old calibration."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from gestalt_space.gallery.calibration import calibrating
from gestalt_space.gallery.calibration.expected import Expected
from tests import made
from tests.cli.conftest import Command

ALIGNED = ("--detector", "aligned")
HINT = "Run `gestalt index calibrate`."


def make_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on, a calibration is expected to take an hour."""
    monkeypatch.setattr(calibrating, "expected_seconds", lambda *_: Expected(3600.0, 0.0, 0.0))


def more(folder: Path, count: int) -> list[Path]:
    return [made.photo_file(folder / f"more{n}.png", 500 + n) for n in range(count)]


def added(gestalt: Command, photos: list[Path], *words: object) -> str:
    ran = gestalt("index", "add", *photos, "--patient", "N1", "--disorder", "D0", *ALIGNED, *words)
    assert ran.code == 0, ran.err
    return ran.err if "--json" not in words else ran.document


def test_an_old_calibration_is_reported_until_the_command_is_run(
    filled: Path,
    gestalt: Command,
    tmp_path: Path,
    photos: list[Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_slow(monkeypatch)
    before = gestalt("match", photos[4], "--json", *ALIGNED).document["calibration"]
    assert before["state"] == "current"
    held = before["gallery_photos"]
    new = more(tmp_path, held)
    told = f"The calibration is old: it used {held} photos, and the gallery has {2 * held}. {HINT}"
    assert told in added(gestalt, new)
    document = added(gestalt, new, "--json")
    assert document["calibration"]["state"] == "old"
    assert document["calibration"]["photos"] == held
    matched = gestalt("match", photos[4], *ALIGNED)
    assert told in matched.out
    assert gestalt("match", photos[4], "--json", *ALIGNED).document["calibration"] == {
        **before,
        "state": "old",
        "gallery_photos": 2 * held,
        "gallery_diagnoses": before["diagnoses"] + 1,
        "changes": held,
    }
    assert told in gestalt("index", "stats").err
    assert (
        gestalt("index", "stats", "--json").document["spaces"][0]["calibration"]["state"] == "old"
    )
    (finding,) = (
        one
        for one in gestalt("index", "verify", "--json").document["findings"]
        if one["subject"].startswith("calibration")
    )
    assert finding["state"] == "note"
    assert finding["hint"] == HINT

    ran = gestalt("index", "calibrate")
    assert ran.code == 0
    assert f"{2 * held} photos" in ran.err
    assert HINT not in gestalt("match", photos[4], *ALIGNED).out
    after = gestalt("match", photos[4], "--json", *ALIGNED).document["calibration"]
    assert after["state"] == "current"
    assert after["photos"] == 2 * held


def test_the_document_says_what_it_rests_on(filled: Path, gestalt: Command) -> None:
    document = gestalt("index", "calibrate", "--json", "--seed", "3").document
    assert document["space"] == "tiny"
    assert document["calibration"].pop("seconds") >= 0
    assert set(document["calibration"]) == {"photos", "patients", "disorders", "saved"}
    assert document["calibration"]["saved"]
    assert gestalt("index", "calibrate", "--quiet").err == ""


def test_without_a_gallery_or_a_descriptor_it_fails(home: Path, gestalt: Command) -> None:
    assert gestalt("index", "calibrate").code == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_keeps_the_earlier_one(
    filled: Path,
    gestalt: Command,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    code: int,
) -> None:
    before = gestalt("index", "stats", "--json").document["spaces"]
    whole: Callable[..., object] = calibrating.fit_in_steps

    def stopped(*given: object, **options: object) -> object:
        for share in whole(*given, **options):  # type: ignore[attr-defined]
            os.kill(os.getpid(), number)
            yield share

    monkeypatch.setattr(calibrating, "fit_in_steps", stopped)
    shutil.rmtree(filled / "calibrating")
    ran = gestalt("index", "calibrate")
    assert ran.code == code
    assert "the old calibration is still used" in ran.err
    monkeypatch.undo()
    monkeypatch.setenv("GESTALT_HOME", str(filled))
    assert gestalt("index", "stats", "--json").document["spaces"] == before
