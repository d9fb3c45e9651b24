"""`gestalt models tune`: what it measures on, and what it recommends."""

from __future__ import annotations

from pathlib import Path

import pytest

from gestalt_space.encoders import precision, tuning
from tests import made
from tests.cli.conftest import Command
from tests.galleries import add, open_gallery, row


@pytest.fixture(autouse=True)
def bf16_is_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that multiplies in bfloat16, and a clock by which that takes half as long."""
    monkeypatch.setattr(precision, "processor_precisions", lambda: ("float32", "bf16"))
    timed = tuning._timed

    def by_precision(encoder, crops):
        slots, _ = timed(encoder, crops)
        return slots, {"float32": 1.0, "bf16": 0.5}[encoder.run.precision]

    monkeypatch.setattr(tuning, "_timed", by_precision)
    monkeypatch.setattr("gestalt_space.machine.tuning.SIMULATED_FACES", 12)


def test_without_a_gallery_simulated_persons_are_measured_on(home: Path, gestalt: Command) -> None:
    before = sorted(home.rglob("*"))
    document = gestalt("models", "tune", "tiny", "--json").document
    assert document["faces"] == "12 faces of simulated persons"
    assert document["compared_with"] == "each other"
    exact, fast = document["precisions"]
    assert (exact["precision"], exact["top1"], exact["top10"]) == ("float32", 1.0, 1.0)
    assert exact["least_cosine"] == pytest.approx(1, abs=1e-12)
    assert (fast["precision"], fast["rate"]) == ("bf16", 2 * exact["rate"])
    assert 0.999 < fast["least_cosine"] < 1
    assert fast["sound"] is True
    assert document["recommended"] == "bf16"
    assert sorted(home.rglob("*")) == before


def test_the_line_to_set_is_shown_and_is_read(
    home: Path, gestalt: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = gestalt("models", "tune", "tiny").out
    assert max(map(len, shown.split("[precisions]")[0].splitlines()[:5])) <= 80
    assert '\n[precisions]\n"tiny" = "bf16"\n' in shown
    toml = tmp_path / "settings.toml"
    toml.write_text(shown[shown.index("[precisions]") :])
    monkeypatch.setenv("GESTALT_SETTINGS", str(toml))
    with open_gallery(home) as gallery:
        assert gallery.encoder.run.precision == "bf16"


def test_the_gallerys_faces_are_compared_with_the_gallery(
    home: Path, gestalt: Command, tmp_path: Path
) -> None:
    with open_gallery(home) as gallery:
        photos = [made.photo_file(tmp_path / f"{n}.png", n) for n in range(13)]
        add(gallery, *(row(photo, f"P{n // 2}", "A") for n, photo in enumerate(photos)))
    document = gestalt("models", "tune", "tiny", "--json").document
    assert document["faces"] == "13 faces of the gallery"
    assert document["compared_with"] == "the 13 descriptors of the gallery"
    assert document["precisions"][0]["top10"] == 1.0
    folder = tmp_path / "few"
    folder.mkdir()
    made.photo_file(folder / "x.png", 50)
    options = ("--faces", folder, "--detector", "aligned", "--json")
    document = gestalt("models", "tune", "tiny", *options).document
    assert document["faces"] == "1 faces of few"
    assert document["compared_with"] == "the 13 descriptors of the gallery"


def test_a_precision_that_moves_descriptors_is_not_recommended(
    home: Path, gestalt: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "LEAST_COSINE", 1 - 1e-12)
    shown = gestalt("models", "tune", "tiny").out
    assert "not recommended" in shown
    assert "change nothing" in shown


def test_on_a_processor_with_nothing_else_float32_stays(
    home: Path, gestalt: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "processor_precisions", lambda: ("float32",))
    document = gestalt("models", "tune", "tiny", "--json").document
    assert [one["precision"] for one in document["precisions"]] == ["float32"]


def test_a_probe_in_another_precision_is_reported_once(
    home: Path, gestalt: Command, tmp_path: Path
) -> None:
    photos = [made.photo_file(tmp_path / f"{n}.png", n) for n in range(4)]
    with open_gallery(home) as gallery:
        add(gallery, *(row(photo, f"P{n}", "A") for n, photo in enumerate(photos[:3])))
    aligned = ("--detector", "aligned")
    assert "encoded in" not in gestalt("match", photos[3], *aligned).err
    told = gestalt("match", *photos[2:], *aligned, "--precision", "bf16", "--json")
    assert told.err.count("encoded in bf16, but 3 descriptors of the gallery are in float32") == 1
    assert told.document["space"]["other_precision"] is True
    assert told.document["space"]["run"]["precision"] == "bf16"
    more = ("index", "add", photos[3], "--patient", "P9", *aligned, "--precision", "bf16")
    assert "fill --again --precision bf16" in gestalt(*more).err
    stats = gestalt("index", "stats", "--json").document
    runs = stats["spaces"][0]["runs"]
    assert {run["precision"]: run["descriptors"] for run in runs} == {"float32": 3, "bf16": 1}
    told = gestalt("index", "stats")
    assert "different precisions: 3 in float32 and 1 in bf16" in told.err
    assert "fill --again --space tiny" in told.err
    shown = gestalt("index", "show", "P9")
    assert "bf16, cpu, torch" in shown.out
    (photo,) = gestalt("index", "show", "P9", "--json").document["patient"]["photos"]
    assert photo["runs"][0]["precision"] == "bf16"
    done = gestalt("index", "fill", "--again", "--json").document
    assert done["counts"] == {"filled": 1, "failed": 0}
    assert done["run"]["precision"] == "float32"
    assert "several" not in gestalt("index", "stats").err
