"""`gestalt cohort matrix`."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Command

ALIGNED = ("--detector", "aligned")


def table_of(path: Path) -> tuple[list[str], list[list[str]]]:
    with path.open(newline="", encoding="utf-8") as stream:
        head, *rows = csv.reader(stream)
    return head, rows


def test_photos_on_the_command_line_make_a_square_table(home, photos, gestalt: Command, tmp_path):
    out = tmp_path / "m.csv"
    ran = gestalt("cohort", "matrix", *photos[:3], "-o", out, *ALIGNED)
    assert ran.code == 0, ran.err
    head, rows = table_of(out)
    assert head == ["", "p0.png", "p1.png", "p2.png"]
    assert [row[0] for row in rows] == head[1:]
    values = np.array([row[1:] for row in rows], float)
    assert np.array_equal(values, values.T)
    assert (values.diagonal() == 1).all()
    assert json.loads((tmp_path / "m.csv.json").read_text())["selection"] == "3 photos"
    assert (
        not list(home.rglob("*.sqlite")) or "p0" not in gestalt("index", "list", "--csv", "-").out
    )


def test_a_folder_is_its_photos(home, photos, gestalt: Command):
    ran = gestalt("cohort", "matrix", photos[0].parent, "--json", *ALIGNED)
    assert ran.document["rows"] == [photo.name for photo in photos]
    assert np.array(ran.document["values"]).shape == (6, 6)


def test_patients_are_chosen_from_the_gallery_and_a_small_matrix_is_shown(filled, gestalt: Command):
    ran = gestalt("cohort", "matrix", "--cohort", "A", "--unit", "patient")
    assert ran.code == 0, ran.err
    assert "P0" in ran.out
    assert "P2" not in ran.out
    assert "higher is closer" in ran.out


@pytest.mark.parametrize("value", ["similarity", "distance", "rank"])
def test_every_value_is_told(filled, gestalt: Command, value: str):
    document = gestalt("cohort", "matrix", "--value", value, "--json").document
    diagonal = np.array(document["values"]).diagonal()
    assert diagonal.tolist() == [{"similarity": 1, "distance": 0, "rank": -1}[value]] * 4
    assert document["value"] == value


def test_ranks_count_the_controls_of_the_gallery(filled, gestalt: Command):
    document = gestalt("cohort", "matrix", "--cohort", "A", "--value", "rank", "--json").document
    assert document["control_photos"] == 2
    assert 0 <= document["values"][0][1] <= 2


def test_relatives_are_left_out_of_ranks_unless_asked_for(filled, photos, gestalt: Command):
    for number in (0, 2):
        words = ("index", "add", photos[number], "--patient", f"P{number}", "--family", "F1")
        assert gestalt(*words, "--site", "clinic A", *ALIGNED).code == 0
    ran = gestalt("cohort", "matrix", "--value", "rank", "--unit", "patient", "--json")
    values = np.array(ran.document["values"])
    assert np.argwhere(values == -1).tolist() == [[0, 0], [0, 2], [1, 1], [2, 0], [2, 2], [3, 3]]
    assert ran.document["relatives_left_out"] == 2
    assert "2 pairs of a probe and a patient" in ran.err
    words = ("cohort", "matrix", "--value", "rank", "--unit", "patient", "--with-family", "--json")
    assert (np.array(gestalt(*words).document["values"]) == -1).sum() == 4


def test_two_sets(filled, gestalt: Command, tmp_path: Path):
    names = tmp_path / "names.txt"
    names.write_text("# two\nP2\nP3\n")
    ran = gestalt(
        *("cohort", "matrix", "--gene", "NIPBL", "--against-patients", names, "--json"),
        *("--unit", "patient", "--patient-value", "nearest"),
    )
    assert (ran.document["rows"], ran.document["columns"]) == (["P0", "P1"], ["P2", "P3"])


def test_figures_and_tables_are_kept_unless_forced(filled, gestalt: Command, tmp_path: Path):
    words = ("cohort", "matrix", "-o", tmp_path / "m.npz", "--figure", tmp_path / "m.html")
    assert gestalt(*words).code == 0
    (tmp_path / "m.npz").write_bytes(b"mine")
    ran = gestalt(*words)
    assert ran.code == 1
    assert "--overwrite" in ran.err
    assert (tmp_path / "m.npz").read_bytes() == b"mine"
    assert gestalt(*words, "--figure", tmp_path / "m.png", "--overwrite").code == 0
    assert (tmp_path / "m.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_characters_that_no_font_has_are_said(
    filled, gestalt: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
):
    monkeypatch.setattr("gestalt_space.figures.saving.families_for", lambda texts: ((), "臺"))
    ran = gestalt("cohort", "matrix", "--figure", tmp_path / f"m.{ending}")
    assert ran.code == 0, ran.err
    assert f"m.{ending}: no font on this machine has 臺" in " ".join(ran.err.split())
    assert "fonts-noto-cjk" in ran.err
    assert ("�" in ran.err) == (ending != "svg")


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_what_is_larger_than_memory_goes_to_blocks(
    filled, gestalt: Command, tmp_path: Path, dtype: str
):
    zarr = pytest.importorskip("zarr")
    found = {}
    for ending in (".npy", ".zarr"):
        path = tmp_path / f"m{ending}"
        ran = gestalt("cohort", "matrix", "-o", path, "--dtype", dtype, "--json")
        assert ran.code == 0, ran.err
        assert ran.document["rows"] == 4
        found[ending] = np.load(path) if ending == ".npy" else zarr.open_array(path, mode="r")[:]
        for words in (("--value", "rank"), ("--against-cohort", "A")):
            refused = gestalt("cohort", "matrix", "-o", tmp_path / f"n{ending}", *words)
            assert (refused.code, f"ends in {ending}" in refused.err) == (2, True)
    assert found[".npy"].dtype == dtype
    assert found[".npy"].shape == (4, 4)
    assert np.array_equal(found[".npy"], found[".zarr"])


def test_numbers_of_another_kind_are_for_blocks_alone(filled, gestalt: Command, tmp_path: Path):
    refused = gestalt("cohort", "matrix", "-o", tmp_path / "m.csv", "--dtype", "float16")
    assert (refused.code, "Only .npy and .zarr" in refused.err) == (2, True)
    refused = gestalt("cohort", "matrix", "-o", tmp_path / "m.npy", "--dtype", "int8")
    assert (refused.code, "Unknown numbers 'int8'" in refused.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--gene", "NOBODY"), "gene NOBODY"),
        (("--cohort", "A", "--disorder", "ORPHA:199"), "No patient fits"),
        (("--cohort", "B"), "has only one photo"),
        (("--value", "angle"), "Unknown value 'angle'"),
        (("--unit", "face"), "Unknown unit 'face'"),
        (("--patient-value", "most"), "Unknown patient value 'most'"),
        (("-o", "m.xlsx"), "does not end in"),
        (("--figure", "m.tiff"), "does not end in"),
        (("--patients", "missing.txt"), "cannot be read"),
    ],
)
def test_bad_input_is_told(filled, gestalt: Command, words, told):
    ran = gestalt("cohort", "matrix", *words)
    assert ran.code != 0
    assert told in ran.err


def test_photos_and_patients_are_not_mixed(filled, photos, gestalt: Command):
    ran = gestalt("cohort", "matrix", photos[0], "--cohort", "A")
    assert (ran.code, "Choose either photos or patients" in ran.err) == (2, True)


def test_a_photo_that_fails_is_told_and_the_others_compared(home, photos, gestalt: Command):
    photos[0].write_bytes(b"no picture")
    ran = gestalt("cohort", "matrix", photos[0].parent, "--json", *ALIGNED)
    assert ran.code == 3
    assert "p0.png" in ran.err
    assert len(ran.document["rows"]) == 5


@pytest.mark.lengthy
def test_ray_writes_chunks_and_nothing_else(filled, gestalt: Command, tmp_path: Path):
    pytest.importorskip("ray")
    zarr = pytest.importorskip("zarr")
    words = ("cohort", "matrix", "-o")
    assert gestalt(*words, tmp_path / "a.zarr").code == 0
    ran = gestalt(*words, tmp_path / "b.zarr", "--engine", "ray")
    assert ran.code == 0, ran.err
    one, other = (zarr.open_array(tmp_path / name, mode="r") for name in ("a.zarr", "b.zarr"))
    assert np.array_equal(one[:], other[:])
    assert json.loads((tmp_path / "b.zarr.json").read_text())["photos"] == 4
    refused = gestalt(*words, tmp_path / "m.npy", "--engine", "ray")
    assert (refused.code, "only write a .zarr" in refused.err) == (2, True)


def test_a_cluster_that_is_away_is_told(filled, gestalt: Command, tmp_path: Path):
    pytest.importorskip("ray")
    words = ("--engine", "ray", "--address", "127.0.0.1:1")
    ran = gestalt("cohort", "matrix", "-o", tmp_path / "m.zarr", *words)
    assert ran.code == 1
    assert "No Ray cluster answers at 127.0.0.1:1" in ran.err
    assert list(tmp_path.glob("m.*")) == []
    ran = gestalt("cohort", "matrix", "-o", tmp_path / "m.zarr", "--engine", "slurm")
    assert (ran.code, "Unknown engine 'slurm'" in ran.err) == (2, True)
