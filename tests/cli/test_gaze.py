"""`gestalt gaze`, from exports of readers who do not exist to tables."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from gestalt_space.faces.alignment import TEMPLATE, similarity_transform
from gestalt_space.gaze.types import Placement
from gestalt_space.simulate.capture import sample_capture, take
from gestalt_space.simulate.persons import Persons
from tests.cli.conftest import Command
from tests.gaze.recorded import Planned, TobiiExport, samples_of

LOOKED = {"eyes": (38.0, 52.0), "mouth": (56.0, 93.0), "nose": (56.0, 68.0), "cheeks": (26.0, 72.0)}
"""Where readers look on the aligned face."""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Two simulated faces as photos, and an export: two readers look at `LOOKED` in turn."""
    persons = Persons.builtin()
    photos = tmp_path / "photos"
    photos.mkdir()
    export = TobiiExport(decimal=",", time_unit=" [ms]", scale=1e3)
    rng = np.random.default_rng(5)
    plans = []
    for number in (1, 2):
        person = persons.sample(rng, age_years=20)
        photo = take(persons.portrait(person, rng), sample_capture(rng))
        height, width = photo.pixels.shape[:2]
        Image.fromarray(photo.pixels).save(photos / f"face-{number}.png")
        back = similarity_transform(TEMPLATE, photo.landmarks)
        scale = 800 / height
        placement = Placement(300.0, 100.0, width * scale, 800.0, width, height)
        plan = []
        for step, place in enumerate([*LOOKED.values()] * 2):
            x, y = back[:, :2] @ place + back[:, 2]
            at = (300 + x * scale, 100 + y * scale)
            plan.append(Planned(10 * number + 0.4 * step, 10 * number + 0.4 * step + 0.36, *at))
        plans.append((f"face-{number}", placement, plan))
    for reader in ("R1", "R2"):
        for medium, placement, plan in plans:
            samples = samples_of(plan, rng, noise=0.1, begin=plan[0].start)
            export.add(reader, medium, samples, plan, placement=placement)
    export.write(tmp_path / "export.tsv")
    return tmp_path


@pytest.mark.parametrize("fixations", ["auto", "dispersion"])
def test_an_export_becomes_fixations_on_areas(
    study: Path, gestalt: Command, fixations: str
) -> None:
    where = study / "fixations.csv"
    ran = gestalt(
        *("gaze", "import", study / "export.tsv", "--photos", study / "photos", "-o", where),
        *("--fixations", fixations),
    )
    assert ran.code == 0, ran.err
    table = pd.read_csv(where)
    assert set(table["reader"]) == {"R1", "R2"}
    assert [*table["area"][:4]] == [*LOOKED]
    assert len(table) == 2 * 2 * 8
    for area, rows in table.groupby("area"):
        place = LOOKED[str(area)]
        assert rows["aligned_x"].to_numpy() == pytest.approx(place[0], abs=4)
        assert rows["aligned_y"].to_numpy() == pytest.approx(place[1], abs=4)
    assert table["start"].min() >= 0
    assert "32 fixations in 4 trials of 2 readers" in ran.err
    assert "Rules: Trials with more than 40% of the samples lost" in ran.err


def test_the_documents(study: Path, gestalt: Command) -> None:
    files = (study / "export.tsv", "--photos", study / "photos")
    found = gestalt("gaze", "import", *files, "-o", study / "f.parquet", "--json", "-q").document
    assert (found["readers"], found["trials"], found["fixations"]) == (2, 4, 32)
    assert found["source"] == "tracker"
    assert {"what": "time", "heading": "Recording timestamp [ms]"} in found["columns"]
    checked = gestalt("gaze", "check", study / "export.tsv", "--json", "-q").document
    assert [one["media"] for one in checked["recordings"]] == [2, 2]
    assert checked["media"][0]["medium"] == "face-1"
    assert checked["media"][0]["left"] == 300
    areas = gestalt("gaze", "areas", study / "f.parquet", "--json", "-q").document
    eyes = next(one for one in areas["areas"] if one["area"] == "eyes")
    assert eyes["share"]["mean"] == pytest.approx(0.25, abs=0.01)
    assert eyes["first"]["mean"] == pytest.approx(0, abs=0.02)
    assert eyes["order"]["mean"] == 1
    mouth = next(one for one in areas["areas"] if one["area"] == "mouth")
    assert mouth["first"]["mean"] == pytest.approx(0.4, abs=0.02)
    ways = {
        (one["from_area"], one["to_area"]): one["share"]["mean"] for one in areas["transitions"]
    }
    assert ways["eyes", "mouth"] == 1
    assert ways["mouth", "eyes"] == 0


def test_a_report_does_not_take_the_place_of_its_table(study: Path, gestalt: Command) -> None:
    files = (study / "export.tsv", "--photos", study / "photos", "--overwrite")
    ran = gestalt("gaze", "import", *files, "-o", study / "f.csv", "--report", study / "f.csv")
    assert ran.code == 2
    assert "cannot be the table and its report" in ran.err
    assert not (study / "f.csv").exists()


def test_the_tables_and_pictures(study: Path, gestalt: Command) -> None:
    files = (study / "export.tsv", "--photos", study / "photos")
    overlay = study / "overlay.png"
    assert gestalt("gaze", "check", *files, "-o", overlay).code == 0
    assert (
        gestalt("gaze", "import", *files, "-o", study / "f.csv", "--report", study / "r.csv").code
        == 0
    )
    with (study / "r.csv").open(encoding="utf-8") as file:
        report = [*csv.DictReader(file)]
    assert len(report) == 4
    assert all(float(row["loss"]) < 0.05 for row in report)
    picture = study / "areas.png"
    assert gestalt("gaze", "areas", study / "f.csv", "-o", picture).code == 0
    with Image.open(overlay) as one, Image.open(picture) as other:
        assert min(*one.size, *other.size) > 200
    sizes = {}
    for table in ("areas", "trials", "time-course", "transitions"):
        ran = gestalt("gaze", "areas", study / "f.csv", "--csv", "-", "--table", table, "-q")
        rows = [*csv.DictReader(ran.out.splitlines())]
        sizes[table] = len(rows)
    assert sizes == {"areas": 10, "trials": 40, "time-course": 120, "transitions": 90}


def test_one_reader_is_said(study: Path, gestalt: Command) -> None:
    path = study / "export.tsv"
    text = path.read_text(encoding="utf-8-sig").splitlines()
    kept = [text[0], *(line for line in text[1:] if "\tR1\t" in line)]
    path.write_text("\n".join(kept) + "\n", encoding="utf-8")
    ran = gestalt("gaze", "import", path, "--photos", study / "photos", "-o", study / "f.csv")
    assert ran.code == 0
    assert "There is one reader" in ran.err
    areas = gestalt("gaze", "areas", study / "f.csv", "--json", "-q").document
    assert {one["share"]["low"] for one in areas["areas"]} == {None}


def test_a_photo_without_a_face_is_a_stated_exclusion(study: Path, gestalt: Command) -> None:
    with Image.open(study / "photos" / "face-2.png") as photo:
        size = photo.size
    Image.new("RGB", size, (120, 130, 140)).save(study / "photos" / "face-2.png")
    ran = gestalt(
        *("gaze", "import", study / "export.tsv", "--photos", study / "photos"),
        *("-o", study / "f.csv", "--max-excluded", "0.6"),
    )
    assert ran.code == 0, ran.err
    assert "R1: the photo has no usable face" in ran.err
    assert set(pd.read_csv(study / "f.csv")["medium"]) == {"face-1"}


def test_media_without_photos_are_named(study: Path, gestalt: Command) -> None:
    (study / "photos" / "face-2.png").unlink()
    ran = gestalt(
        "gaze", "import", study / "export.tsv", "--photos", study / "photos", "-o", study / "f.csv"
    )
    assert ran.code == 0
    assert "No photo, and so no trial: face-2." in ran.err
    (study / "photos" / "face-1.png").rename(study / "photos" / "other.png")
    ran = gestalt(
        "gaze", "import", study / "export.tsv", "--photos", study / "photos", "-o", study / "g.csv"
    )
    assert ran.code == 2
    assert "face-1, face-2" in ran.err


def test_two_photos_of_one_name_are_refused(study: Path, gestalt: Command) -> None:
    (study / "photos" / "more").mkdir()
    data = (study / "photos" / "face-1.png").read_bytes()
    (study / "photos" / "more" / "face-1.png").write_bytes(data)
    ran = gestalt(
        "gaze", "import", study / "export.tsv", "--photos", study / "photos", "-o", study / "f.csv"
    )
    assert ran.code == 2
    assert "Several photos could be the medium face-1" in ran.err


def test_a_wrong_placement_leaves_no_trial_and_says_so(study: Path, gestalt: Command) -> None:
    media = study / "media.csv"
    media.write_text(
        "medium,left,top,width,height\nface-1,1500,900,300,300\nface-2,1500,900,300,300\n",
        encoding="utf-8",
    )
    ran = gestalt(
        *("gaze", "import", study / "export.tsv", "--photos", study / "photos"),
        *("-o", study / "f.csv", "--media", media),
    )
    assert ran.code == 2
    assert "100% of the gaze is off the photo" in ran.err or "is 300 × 300" in ran.err
    assert "No trial is left" in ran.err
    assert not (study / "f.csv").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--fixations", "saccades"), "Unknown fixations"),
        (("--fixations", "velocity"), "pixels per degree"),
        (("--screen", "wide"), "is no size"),
    ],
)
def test_wrong_options(study: Path, gestalt: Command, words: tuple[str, ...], said: str) -> None:
    ran = gestalt(
        *("gaze", "import", study / "export.tsv", "--photos", study / "photos"),
        *("-o", study / "f.csv", *words),
    )
    assert ran.code == 2
    assert said in ran.err


def test_the_accuracy_at_a_calibration_target(study: Path, gestalt: Command) -> None:
    media = study / "media.csv"
    media.write_text(
        "medium,target_x,target_y,onset,offset\ntarget,100,500,10.05,10.3\n", encoding="utf-8"
    )
    found = gestalt(
        *("gaze", "import", study / "export.tsv", "--photos", study / "photos"),
        *("-o", study / "f.csv", "--media", media, "--json"),
    )
    assert found.code == 0
    accuracies = found.document["accuracy"]
    assert [(one["reader"], one["target"]) for one in accuracies] == [
        ("R1", "target"),
        ("R2", "target"),
    ]
    for one in accuracies:
        assert one["distance"] == pytest.approx(np.hypot(one["right"], one["down"]), abs=0.01)
    assert "Accuracy of R1 at target:" in found.err


@pytest.fixture
def imported(study: Path, gestalt: Command) -> Path:
    """The study with its table of fixations, and what the import printed."""
    files = (study / "export.tsv", "--photos", study / "photos")
    ran = gestalt("gaze", "import", *files, "-o", study / "fixations.csv", "--json", "-q")
    (study / "import.json").write_text(ran.out, encoding="utf-8")
    (study / "readers.csv").write_text("reader,group\nR1,Bonn\nR2,Taipei\n", encoding="utf-8")
    return study


def test_the_page_of_a_study(imported: Path, gestalt: Command) -> None:
    maps = imported / "maps"
    maps.mkdir()
    np.save(maps / "face-1.npy", np.ones((112, 112)))
    page = imported / "page.html"
    ran = gestalt(
        *("gaze", "report", imported / "fixations.csv", "-o", page),
        *("--photos", imported / "photos", "--readers", imported / "readers.csv"),
        *("--maps", f"flat={maps}", "--imported", imported / "import.json", "--faces", 1),
        "--simulated",
    )
    assert ran.code == 0, ran.err
    assert "keep it as you keep the photos" in ran.err
    text = page.read_text("utf-8")
    assert "<strong>Simulated.</strong>" in text
    for part in ("Bonn: share", "Taipei: share", "face-1, simulated face"):
        assert part in text
    assert "1 more photo not shown" in text
    # Groups of one reader have no agreement among themselves.
    assert "Agreement of readers, groups and models" not in text
    assert "2 readers who looked at 2 photos were imported" in text
    assert "standard deviation of 4 pixels" in text
    assert "http://" not in text.replace("http://www.w3.org", "")


def test_without_groups_all_readers_are_one(imported: Path, gestalt: Command) -> None:
    page = imported / "page.html"
    ran = gestalt("gaze", "report", imported / "fixations.csv", "-o", page, "-q")
    assert ran.code == 0, ran.err
    text = page.read_text("utf-8")
    assert "all readers: share" in text
    assert "Agreement of readers, groups and models" in text
    assert "<h2>Faces</h2>" not in text
    assert "Simulated" not in text
    # Eight fixations of 0.36 s, two of them on each area.
    eyes = text[text.index('<th scope="row">eyes</th>') :]
    assert '<td class="number">25.0<small>' in eyes[:200]


def test_readers_without_a_group_are_named(imported: Path, gestalt: Command) -> None:
    readers = imported / "readers.csv"
    readers.write_text("reader,group\nR1,Bonn\n", encoding="utf-8")
    page = imported / "page.html"
    ask = ("gaze", "report", imported / "fixations.csv", "--readers", readers, "-o", page)
    ran = gestalt(*ask)
    assert "Left out, without a group: R2." in ran.err
    assert "Left out, since they have no group: R2." in page.read_text("utf-8")
    readers.write_text("reader,group\nR7,Bonn\n", encoding="utf-8")
    ran = gestalt(*ask, "--overwrite")
    assert (ran.code, "No reader has a group" in ran.err) == (2, True)


@pytest.mark.parametrize(
    ("option", "text", "message"),
    [
        ("--imported", "{", "cannot be read as JSON"),
        ("--imported", '{"document": "match"}', "is no document of `gestalt gaze import`"),
        ("--study", "[]", "is no document of `gestalt gaze study`"),
    ],
)
def test_another_document_is_refused(
    imported: Path, gestalt: Command, option: str, text: str, message: str
) -> None:
    file = imported / "other.json"
    file.write_text(text, encoding="utf-8")
    page = imported / "page.html"
    ran = gestalt("gaze", "report", imported / "fixations.csv", "-o", page, option, file)
    assert ran.code == 2
    assert message in ran.err
    assert not page.exists()


@pytest.mark.parametrize(
    "option",
    ["--min-duration", "--dispersion", "--velocity", "--pixels-per-degree", "--smoothing"],
)
def test_limits_of_fixations_have_an_end(study: Path, gestalt: Command, option: str) -> None:
    files = (study / "export.tsv", "--photos", study / "photos", "-o", study / "f.csv")
    ran = gestalt("gaze", "import", *files, "--fixations", "segments", option, "inf")
    assert ran.code == 2
    assert option in ran.err
