"""`gestalt match`: a table for people, JSON and CSV for programs, and nothing stored."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests import made
from tests.cli.conftest import Command

SPACE_KEYS = {"name", "fingerprint", "run", "gallery_runs", "other_precision"}
TOP_KEYS = {"document", "version", "space", "gallery", "calibration", "question", "probes"}
PROBE_KEYS = {"photo", "error", "face", "disorders", "left_out", "relatives"}
PROBE_KEYS |= {"asked", "eligible", "verdict", "best_percentile", "composition", "copies"}
FACE_KEYS = {"detector", "score", "box", "landmarks", "step", "number", "count", "quality"}
LINE_KEYS = {"rank", "id", "name", "similarity", "patient", "patients", "photos"}
LINE_KEYS |= {"score", "photo", "percentile", "likelihood_ratio", "no_ratio"}
ALIGNED = ("--detector", "aligned")
MAIN = (sys.executable, "-c", "from gestalt_cli import main; main()")


def state(home: Path) -> dict[str, bytes]:
    """The bytes of all files; a reader's lock file is none of the gallery's state."""
    files = (path for path in home.rglob("*") if path.is_file())
    return {path.name: path.read_bytes() for path in files if not path.name.endswith("-shm")}


def test_json_has_the_keys_of_version_1(filled: Path, photos: list[Path], gestalt: Command) -> None:
    document = gestalt("match", photos[4], "--json", *ALIGNED).document
    assert set(document) == TOP_KEYS
    assert document["version"] == 1
    assert set(document["space"]) == SPACE_KEYS
    assert document["space"]["run"]["precision"] == "float32"
    assert document["space"]["gallery_runs"] == [{**document["space"]["run"], "descriptors": 4}]
    assert document["space"]["other_precision"] is False
    assert document["space"]["name"] == "tiny"
    counts = {"patients": 4, "photos": 4, "disorders": 2}
    assert document["gallery"] == {**counts, "searched_on": "processor", "approximate": None}
    (probe,) = document["probes"]
    assert set(probe) == PROBE_KEYS
    assert probe["photo"] == str(photos[4])
    assert probe["error"] is None
    assert probe["left_out"] is None
    assert set(probe["face"]) == FACE_KEYS
    assert len(probe["face"]["box"]) == 4
    assert [len(point) for point in probe["face"]["landmarks"]] == [2] * 5
    assert [set(line) for line in probe["disorders"]] == [LINE_KEYS] * 2
    assert [line["rank"] for line in probe["disorders"]] == [1, 2]
    similar = [line["similarity"] for line in probe["disorders"]]
    assert similar == sorted(similar, reverse=True)
    by_id = {line["id"]: line for line in probe["disorders"]}
    assert by_id["OMIM:122470"]["name"] == "Cornelia de Lange syndrome 1"
    assert (by_id["OMIM:122470"]["patients"], by_id["OMIM:122470"]["photos"]) == (2, 2)
    assert (by_id["ORPHA:199"]["patients"], by_id["ORPHA:199"]["patient"]) == (1, "P2")


def test_a_photo_that_is_in_the_gallery_is_no_evidence_for_itself(
    filled: Path, photos: list[Path], gestalt: Command
) -> None:
    (probe,) = gestalt("match", photos[2], "--json", *ALIGNED).document["probes"]
    assert probe["left_out"] == "P2"
    assert [line["id"] for line in probe["disorders"]] == ["OMIM:122470"]
    shown = gestalt("match", photos[2], *ALIGNED)
    assert "P2, who is excluded" in shown.out


def test_a_copy_of_the_photo_under_another_name_is_left_out_too(
    filled: Path, photos: list[Path], gestalt: Command, tmp_path: Path
) -> None:
    copy = shutil.copy(photos[0], tmp_path / "other name.png")
    (probe,) = gestalt("match", copy, "--json", *ALIGNED).document["probes"]
    assert probe["left_out"] == "P0"
    lines = {line["id"]: line for line in probe["disorders"]}
    assert lines["OMIM:122470"]["patient"] == "P1"
    assert (lines["OMIM:122470"]["patients"], lines["OMIM:122470"]["photos"]) == (1, 1)


def test_the_table_names_rank_disorder_similarity_patient_counts_and_face(
    filled: Path, photos: list[Path], gestalt: Command
) -> None:
    ran = gestalt("match", photos[4], *ALIGNED)
    assert ran.code == 0
    for told in (
        *("rank", "disorder", "similarity", "patient", "patients", "photos"),
        "Cornelia de Lange syndrome 1 (OMIM:122470)",
        "ORPHA:199",
        "one face, 112 px wide, found by aligned",
        "no LR in lines 1, 2: the gallery has too few patients who share a disorder",
        "not a medical device",
        "4 patients, 4 photos, 2 disorders",
    ):
        assert told in ran.out


def test_the_verdict_says_what_it_is_compared_with(
    home: Path, gestalt: Command, tmp_path: Path
) -> None:
    lines = ["photo,patient,disorder"]
    for seed in range(20):
        made.photo_file(tmp_path / f"m{seed}.png", seed)
        lines.append(f"m{seed}.png,M{seed:02},{('OMIM:122470', 'ORPHA:199')[seed % 2]}")
    table = tmp_path / "patients.csv"
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert gestalt("index", "add", table, *ALIGNED).code == 0
    probe = made.photo_file(tmp_path / "probe.png", 99)
    (found,) = gestalt("match", probe, "--json", *ALIGNED).document["probes"]
    ran = gestalt("match", probe, *ALIGNED)
    assert f"  {found['verdict']}\n" in ran.out
    assert (
        f"  {found['best_percentile']:.0f} % of the gallery's patients are less similar than this "
        "to their nearest wrong disorder\n"
    ) in ran.out


def test_quiet_leaves_the_table_alone(filled: Path, photos: list[Path], gestalt: Command) -> None:
    ran = gestalt("match", photos[4], "--quiet", *ALIGNED)
    assert "OMIM:122470" in ran.out
    assert "medical device" not in ran.out
    assert ran.err == ""


def test_top_bounds_the_lines_and_may_exceed_the_disorders(
    filled: Path, photos: list[Path], gestalt: Command
) -> None:
    for top, lines in ((1, 1), (2, 2), (1000, 2)):
        (probe,) = gestalt("match", photos[4], "--top", top, "--json", *ALIGNED).document["probes"]
        assert len(probe["disorders"]) == lines


def test_csv_has_a_row_for_each_line_and_each_failure(
    filled: Path, photos: list[Path], gestalt: Command, tmp_path: Path
) -> None:
    ran = gestalt("match", photos[4], tmp_path / "missing.png", "--csv", "-", *ALIGNED)
    assert ran.code == 3
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    assert [row["rank"] for row in rows] == ["1", "2", ""]
    assert {row["photo"] for row in rows[:2]} == {str(photos[4])}
    assert rows[2]["error"] == "The file does not exist."
    assert rows[2]["id"] == ""


def test_one_bad_photo_does_not_stop_the_others(
    filled: Path, photos: list[Path], gestalt: Command, tmp_path: Path
) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("no photo", encoding="utf-8")
    empty = tmp_path / "empty.jpg"
    empty.touch()
    oblong = tmp_path / "oblong.bmp"
    Image.new("RGB", (30, 20)).save(oblong)
    ran = gestalt(
        "match",
        *(photos[4], text, tmp_path / "missing.png", empty, oblong, tmp_path, photos[5]),
        *("--json", *ALIGNED),
    )
    # A folder stands for its photos, so that the last ones come twice.
    assert ran.code == 3
    probes = {probe["photo"]: probe for probe in ran.document["probes"]}
    assert ran.document["probes"][0]["photo"] == str(photos[4])
    codes = {
        Path(name).name: probe["error"]["code"] for name, probe in probes.items() if probe["error"]
    }
    assert codes == {
        "text.jpg": "photo_format",
        "missing.png": "photo_not_found",
        "empty.jpg": "photo_damaged",
        "oblong.bmp": "no_face",
    }
    for probe in probes.values():
        if probe["error"]:
            assert probe["error"]["hint"]
            assert probe["disorders"] == []
        else:
            assert len(probe["disorders"]) >= 1


def test_a_text_file_is_no_photo_before_any_heic_was_read(filled: Path, tmp_path: Path) -> None:
    # In a process of its own: once the reader of HEIC is loaded, another path is taken.
    text = tmp_path / "text.jpg"
    text.write_text("no photo", encoding="utf-8")
    ran = subprocess.run(
        [*MAIN, "match", "--json", *ALIGNED, str(text)],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 3
    assert json.loads(ran.stdout)["probes"][0]["error"]["code"] == "photo_format"


def test_order_of_probes_is_that_of_the_photos(
    filled: Path, photos: list[Path], gestalt: Command
) -> None:
    given = [photos[n] for n in (5, 0, 3, 4, 1)]
    probes = gestalt("match", *given, "--json", *ALIGNED).document["probes"]
    assert [probe["photo"] for probe in probes] == [str(path) for path in given]


def test_nothing_is_stored(filled: Path, photos: list[Path], gestalt: Command) -> None:
    before = state(filled)
    assert gestalt("match", photos[4], photos[0], "--json", *ALIGNED).code == 0
    assert state(filled) == before


def test_an_empty_gallery_is_an_error_with_the_next_command(
    home: Path, photos: list[Path], gestalt: Command
) -> None:
    ran = gestalt("match", photos[0], "--json", *ALIGNED)
    assert ran.code == 1
    assert ran.document["error"]["code"] == "gallery_missing"
    assert "gestalt index add" in ran.document["error"]["hint"]
    assert ran.document["probes"][0]["error"]["code"] == "gallery_missing"
    assert ran.document["probes"][0]["photo"] == str(photos[0])


def test_without_installed_models_the_built_in_ones_are_used(
    photos: list[Path], gestalt: Command
) -> None:
    ran = gestalt("match", photos[0], "--json", *ALIGNED)
    assert ran.code == 1
    assert ran.document["error"]["code"] == "gallery_missing"


def test_without_an_installed_detector_the_built_in_one_looks(
    filled: Path, photos: list[Path], gestalt: Command
) -> None:
    (probe,) = gestalt("match", photos[0], "--json").document["probes"]
    assert probe["error"]["code"] == "no_face"
    assert "builtin" in probe["error"]["message"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--detector", "magic"), "usage"),
        (("--device", "abacus"), "usage"),
        (("--space", "nothing", *ALIGNED), "model_not_installed"),
        (("--landmarks", "missing.csv"), "usage"),
        (("--landmarks", "missing.csv", *ALIGNED), "usage"),
    ],
)
def test_a_wrong_choice_is_told_for_every_probe(
    words: tuple[str, ...], code: str, filled: Path, photos: list[Path], gestalt: Command
) -> None:
    ran = gestalt("match", photos[4], photos[5], *words, "--json")
    assert ran.code == (2 if code == "usage" else 1)
    assert [probe["error"]["code"] for probe in ran.document["probes"]] == [code, code]


def test_a_folder_without_photos_is_wrong_usage(
    filled: Path, gestalt: Command, tmp_path: Path
) -> None:
    (tmp_path / "nothing").mkdir()
    ran = gestalt("match", tmp_path / "nothing", "--json", *ALIGNED)
    assert ran.code == 2
    assert ran.document["error"]["code"] == "usage"


@pytest.mark.parametrize("name", ["two words.png", "Jürgen 写真.png", "-dash.png", "a:b:c [i].png"])
def test_odd_names_come_through(
    name: str, filled: Path, gestalt: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made.photo_file(Path(name), 9)
    ran = gestalt("match", "--json", *ALIGNED, "--", name)
    assert ran.code == 0
    assert ran.document["probes"][0]["photo"] == name
    assert name in gestalt("match", *ALIGNED, "--", name).out


def test_a_name_of_bytes_that_are_no_utf_8_comes_through(filled: Path, tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/caf\xe9.png"
    made.photo_file(tmp_path / "plain.png", 9)
    Path(tmp_path / "plain.png").rename(os.fsdecode(name))
    for options in (
        (),
        ("--json",),
        (
            "--csv",
            "-",
        ),
    ):
        ran = subprocess.run(
            [*MAIN, "match", *options, *ALIGNED, name],
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        assert "caf�.png" in ran.stdout.decode("utf-8")
        if options == ("--json",):
            assert json.loads(ran.stdout)["probes"][0]["error"] is None


def test_names_with_brackets_and_colons_are_shown_as_they_are(
    home: Path, photos: list[Path], gestalt: Command
) -> None:
    patient, disorder = "P[1]:100:[/x]", "free [see the notes] text :b:"
    added = gestalt(
        *("index", "add", photos[0], "--patient", patient, "--disorder", disorder, *ALIGNED)
    )
    assert added.code == 0
    shown = gestalt("match", photos[4], *ALIGNED)
    assert shown.code == 0, shown.err
    assert patient in shown.out
    assert disorder in shown.out


def test_what_is_passed_over_in_a_folder_is_told(
    filled: Path, photos: list[Path], gestalt: Command
) -> None:
    (photos[0].parent / "x.raw").touch()
    ran = gestalt("match", photos[0].parent, "--csv", "-", "--detector", "aligned")
    assert "1 file skipped: 1 .raw (not a known photo)" in ran.err
    assert "skipped" not in ran.out


def test_a_line_is_explained_by_any_spelling_of_its_identifier(
    filled: Path, photos: list[Path], gestalt: Command
) -> None:
    words = ("match", photos[4], "--detector", "aligned", "--json", "--explain")
    for spelling in ("OMIM:122470", "omim 122470", "122470"):
        (line,) = gestalt(*words, spelling).document["lines"]
        assert line["id"] == "OMIM:122470"
