"""`gestalt evaluate gmdb` and `arrays`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.evaluation.gmdb import evaluate_gmdb
from gestalt_space.interop.encodings import encodings_csv, read_encodings
from gestalt_space.interop.gmdb import read_splits
from tests.cli.conftest import Command

SLOTS = tuple((f"m{m}", f"{f}", f"{g}") for m in range(3) for f in range(2) for g in range(2))
KINDS = ("frequent_gallery", "frequent_test", "rare_gallery", "rare_test")


@pytest.fixture
def encodings(tmp_path: Path) -> Path:
    """Forty images in twelve slots: images 0 to 19 of four frequent syndromes, the others rare."""
    centres = np.random.default_rng(0).standard_normal((10, 12, 8))
    noise = np.random.default_rng(1).standard_normal((40, 12, 8))
    vectors = (centres[np.arange(40) // 4 % 10] + 1.5 * noise).astype(np.float32)
    names = [f"{image}_aligned.jpg" for image in range(40)]
    path = tmp_path / "all_encodings.csv"
    path.write_text("\n".join([*encodings_csv(names, SLOTS, vectors), ""]), encoding="utf-8")
    return path


@pytest.fixture
def metadata(tmp_path: Path) -> Path:
    folder = tmp_path / "gmdb_metadata"
    folder.mkdir()
    write_splits(folder, "v1.0.3")
    return folder


def write_splits(folder: Path, version: str) -> None:
    def line(image: int, split: int | None = None) -> str:
        end = "" if split is None else f",{split}"
        return f"{image},{100 + image // 2},{image // 4}{end}"

    rows = {
        "frequent_gallery": [line(i) for i in range(20) if i % 4 != 3],
        "frequent_test": [line(i) for i in range(20) if i % 4 == 3],
        "rare_gallery": [line(i, s) for s in range(4) for i in range(20, 40) if i % 4 != s],
        "rare_test": [line(i, s) for s in range(4) for i in range(20, 40) if i % 4 == s],
    }
    for kind, lines in rows.items():
        header = "image_id,subject,label" + (",split" if "rare" in kind else "")
        path = folder / f"gmdb_{kind}_images_{version}.csv"
        path.write_text("\n".join([header, *lines, ""]), encoding="utf-8")


def test_the_document_has_the_four_evaluations_in_their_order(
    gestalt: Command, encodings: Path, metadata: Path
) -> None:
    ran = gestalt("evaluate", "gmdb", "--encodings", encodings, "--metadata", metadata, "--json")
    assert ran.code == 0
    document = ran.document
    assert [(one["test"], one["gallery"]) for one in document["evaluations"]] == [
        ("frequent", "frequent"),
        ("rare", "rare"),
        ("frequent", "frequent+rare"),
        ("rare", "frequent+rare"),
    ]
    sizes = [(one["gallery_size"], one["test_size"]) for one in document["evaluations"]]
    assert sizes == [(15, 5), (15, 5), (30, 5), (30, 5)]
    expected = evaluate_gmdb(read_encodings(encodings), read_splits(metadata))
    for one, other in zip(document["evaluations"], expected.evaluations, strict=True):
        assert list(one["top"]) == ["1", "5", "10", "30"]
        assert list(one["top"].values()) == list(other.top.values())
        assert 0 < one["top"]["1"] <= one["top"]["5"] <= 100
    assert document["left_out"] == {"missing": [], "incomplete": [], "unsound": []}
    assert document["data"]["gmdb"] == "v1.0.3"


def test_arrays_give_the_same_document(
    gestalt: Command, encodings: Path, metadata: Path, tmp_path: Path
) -> None:
    arrays = tmp_path / "encodings.npz"
    ran = gestalt("evaluate", "arrays", "--encodings", encodings, "-o", arrays)
    assert ran.code == 0
    assert "40 images with 12 slots" in ran.err
    words = ("evaluate", "gmdb", "--metadata", metadata, "--json", "--encodings")
    assert gestalt(*words, arrays).document == gestalt(*words, encodings).document
    again = gestalt("evaluate", "arrays", "--encodings", encodings, "-o", arrays)
    assert again.code != 0
    assert "exists" in again.err


def test_people_get_a_table_of_80_columns(
    gestalt: Command, encodings: Path, metadata: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ran = gestalt("evaluate", "gmdb", "--encodings", encodings, "--metadata", metadata)
    assert max(len(line) for line in ran.out.splitlines()) <= 80
    assert "frequent+rare" in ran.out
    assert "12 slots" in ran.out


def test_what_is_missing_is_named_and_counted(
    gestalt: Command, encodings: Path, metadata: Path
) -> None:
    lines = encodings.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith(("7_", "21_"))]
    kept = [line for line in kept if not line.startswith("8_aligned.jpg;m1;0;1;")]
    spoilt = [
        line[: line.rindex("[")] + "[" + ", ".join("0" * 8) + "]"
        if line.startswith("9_aligned.jpg;m2;1;1;")
        else line
        for line in kept
    ]
    encodings.write_text("\n".join([*spoilt, ""]), encoding="utf-8")
    words = ("evaluate", "gmdb", "--encodings", encodings, "--metadata", metadata)
    ran = gestalt(*words, "--json")
    assert ran.code == 0
    assert ran.document["left_out"] == {
        "missing": ["7", "21"],
        "incomplete": ["8"],
        "unsound": ["9"],
    }
    assert ran.document["evaluations"][0]["gallery_size"] == 13
    assert ran.document["evaluations"][0]["test_size"] == 4
    assert "2 images left out, not encoded: 7, 21." in ran.err


def test_several_versions_are_named_and_one_can_be_chosen(
    gestalt: Command, encodings: Path, metadata: Path
) -> None:
    write_splits(metadata, "v1.1.0")
    words = ("evaluate", "gmdb", "--encodings", encodings, "--metadata", metadata, "--json")
    ran = gestalt(*words)
    assert ran.code == 2
    assert "v1.0.3, v1.1.0" in ran.err
    chosen = gestalt(*words, "--version", "v1.1.0")
    assert chosen.document["data"]["gmdb"] == "v1.1.0"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda text: text.replace("label", "syndrome"), "no column label"),
        (lambda text: text + "5\n", "column image_id: the row has fewer cells"),
        (lambda text: text + text.splitlines()[-1] + "\n", "already"),
        (
            lambda text: text + "," + text.splitlines()[-1].split(",", 1)[1] + "\n",
            "image_id: it is",
        ),
    ],
)
def test_a_split_file_that_does_not_fit_is_told(
    gestalt: Command, encodings: Path, metadata: Path, kind: str, spoil: object, message: str
) -> None:
    path = metadata / f"gmdb_{kind}_images_v1.0.3.csv"
    path.write_text(spoil(path.read_text()), encoding="utf-8")  # type: ignore[operator]
    ran = gestalt("evaluate", "gmdb", "--encodings", encodings, "--metadata", metadata, "--json")
    assert ran.code == 1
    assert path.name in ran.document["error"]["message"]
    assert message in ran.document["error"]["message"]


def test_an_encoding_that_does_not_fit_is_told_by_file_row_and_column(
    gestalt: Command, encodings: Path, metadata: Path
) -> None:
    lines = encodings.read_text(encoding="utf-8").splitlines()
    lines[16] = lines[16].replace(", ", ", x", 1)
    encodings.write_text("\n".join(lines), encoding="utf-8")
    ran = gestalt("evaluate", "gmdb", "--encodings", encodings, "--metadata", metadata, "--json")
    assert ran.code == 1
    message = ran.document["error"]["message"]
    assert message.startswith("all_encodings.csv, row 17, column representations: ")


def test_missing_files_and_folders_are_told(
    gestalt: Command, encodings: Path, metadata: Path, tmp_path: Path
) -> None:
    for file, folder in ((tmp_path / "no.csv", metadata), (encodings, tmp_path / "none")):
        ran = gestalt("evaluate", "gmdb", "--encodings", file, "--metadata", folder)
        assert ran.code in (1, 2)
        assert ran.err.startswith("Error: ")
    (metadata / "gmdb_rare_test_images_v1.0.3.csv").unlink()
    ran = gestalt("evaluate", "gmdb", "--encodings", encodings, "--metadata", metadata)
    assert "gmdb_rare_test_images_v1.0.3.csv" in ran.err


def test_descriptors_of_encode_are_evaluated(
    gestalt: Command, home: Path, photos: list[Path], tmp_path: Path
) -> None:
    for ending in ("csv", "npz"):
        path = tmp_path / f"ours.{ending}"
        assert gestalt("encode", *photos, "-o", path, "--detector", "aligned").code == 0
    one, other = (read_encodings(tmp_path / f"ours.{ending}") for ending in ("csv", "npz"))
    assert one.images == other.images == tuple(f"p{n}" for n in range(6))
    assert (one.slots, one.vectors.tobytes()) == (other.slots, other.vectors.tobytes())
    folder = tmp_path / "metadata"
    folder.mkdir()
    for kind, lines in {
        "frequent_gallery": ["p0,A,1", "p1,B,2"],
        "frequent_test": ["p2,C,1"],
        "rare_gallery": ["p3,D,3,0", "p4,E,4,0"],
        "rare_test": ["p5,F,4,0"],
    }.items():
        header = "image_id,subject,label" + (",split" if "rare" in kind else "")
        text = "\n".join([header, *lines, ""])
        (folder / f"gmdb_{kind}_images_x.csv").write_text(text, encoding="utf-8")
    words = ("evaluate", "gmdb", "--metadata", folder, "--json", "--encodings")
    documents = [gestalt(*words, tmp_path / f"ours.{ending}").out for ending in ("csv", "npz")]
    assert documents[0] == documents[1]
    assert json.loads(documents[0])["evaluations"][0]["top"]["5"] == 100


def test_a_lookup_table_is_checked(
    encodings: Path, metadata: Path, gestalt: Command, tmp_path: Path
) -> None:
    splits = read_splits(metadata)
    labels = {int(row.label) for row in (*splits.frequent_gallery, *splits.frequent_test)}
    table = tmp_path / "lookup_table_gmdb.txt"
    words = ("evaluate", "gmdb", "--encodings", encodings, "--metadata", metadata)
    table.write_text(f"index_id to disorder_id\n{json.dumps([999, *labels])}\n")
    assert gestalt(*words, "--lookup", table).code == 0
    table.write_text("index_id to disorder_id\n[999]\n")
    lacking = gestalt(*words, "--lookup", table)
    assert lacking.code == 1
    assert f"does not have {len(labels)} of the {len(labels)} frequent syndromes" in lacking.err
    for text in ("", "one line", "words\n[1, 1]\n", "words\n{}\n", "words\nno list\n"):
        table.write_text(text)
        damaged = gestalt(*words, "--lookup", table)
        assert (damaged.code, "not a lookup table" in damaged.err) == (1, True)
    assert "nowhere" in gestalt(*words, "--lookup", tmp_path / "nowhere.txt").err


def test_two_encodings_are_compared(gestalt: Command, encodings: Path, metadata: Path) -> None:
    words = ["evaluate", "gmdb", "--encodings", encodings, "--metadata", metadata]
    document = gestalt(*words, "--against", encodings, "--json").document
    assert len(document["comparisons"]) == 4 * 2 * 2
    assert {one["p_holm"] for one in document["comparisons"]} == {1}
    first = document["evaluations"][0]
    assert first["low"]["1"] <= first["top"]["1"] <= first["high"]["1"]
    shown = gestalt(*words, "--against", encodings)
    assert "Difference from the encodings of --against" in shown.out
    assert "conditional on these galleries" in shown.out
