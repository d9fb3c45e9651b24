"""Simulated readers: what was planned is what is drawn, and what is recorded."""

from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gestalt_space.errors import OutputError, UsageError
from gestalt_space.faces.alignment import TEMPLATE, similarity_transform
from gestalt_space.gaze.reader_study import study
from gestalt_space.gaze.reader_tables import read_measures
from gestalt_space.simulate.cohort import CohortPlan, draw_cohort
from gestalt_space.simulate.cohort_files import write_cohort
from gestalt_space.simulate.gaze_exports import FORMATS
from gestalt_space.simulate.gaze_samples import SCREEN, TrackerPlan, placements, record
from gestalt_space.simulate.persons import Persons
from gestalt_space.simulate.reader_files import read_faces, write_readers
from gestalt_space.simulate.readers import (
    AREAS,
    ReadersPlan,
    ShownFace,
    draw_readers,
    group_attention,
)
from gestalt_space.simulate.subjects import SampledSubjects

SMALL = ReadersPlan(readers=(2, 2), seconds=3)


def made_faces(count: int = 12) -> tuple[ShownFace, ...]:
    """Faces at several places and sizes of their photos."""
    return tuple(
        ShownFace(
            f"{number}.jpg",
            200 + number,
            240,
            np.asarray(TEMPLATE * 1.2 + 20 + number % 3, np.float32),
            "asian" if number % 2 else "white",
            number < count // 2,
            "SIM:1" if number < count // 2 else "",
        )
        for number in range(count)
    )


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("readers") / "cohort"
    plan = CohortPlan(
        disorders=2,
        patients=6,
        controls=5,
        photos_per_patient=1.5,
        seed=3,
        ancestries={"asian": 0.5, "white": 0.5},
    )
    write_cohort(draw_cohort(plan, SampledSubjects(Persons.builtin())), folder)
    return folder


def test_readers_look_where_their_group_does_and_differ_by_what_was_planned() -> None:
    plan = ReadersPlan(readers=(30, 30), reader_sd=0, face_sd=0)
    readers = draw_readers(plan, made_faces())
    shares = {}
    for group in plan.groups:
        late = Counter(
            area
            for reader in readers
            if reader.group == group
            for trial in reader.trials
            for area, start in zip(trial.areas, trial.trial.fixations.start, strict=True)
            if start >= 1
        )
        shares[group] = {name: late[name] / late.total() for name in AREAS}
    for number, group in enumerate(plan.groups):
        # The next fixation is less often on the same area, which evens the shares a little.
        planned = group_attention(plan, number)[1]
        assert np.abs(np.array([*shares[group].values()]) - planned).max() < 0.05
    assert shares["Bonn"]["eyes"] - shares["Taipei"]["eyes"] == pytest.approx(0.1, abs=0.03)
    assert shares["Taipei"]["nose"] - shares["Bonn"]["nose"] == pytest.approx(0.1, abs=0.03)


def test_fixations_follow_each_other_on_the_area_that_was_planned() -> None:
    faces = {face.photo: face for face in made_faces()}
    for reader in draw_readers(SMALL, [*faces.values()]):
        for trial in reader.trials:
            found = trial.trial.fixations
            ends = found.start + found.duration
            assert (found.start[1:] > ends[:-1]).all()
            assert ends[-1] <= trial.trial.duration
            matrix = similarity_transform(faces[trial.trial.medium].landmarks, TEMPLATE)
            aligned = np.column_stack([found.x, found.y, np.ones(len(found))]) @ matrix.T
            for place, area in zip(aligned, trial.areas, strict=True):
                off = [np.abs(place - part[:2]) / part[2:] for part in np.array(AREAS[area])]
                assert min(float(one.max()) for one in off) < 2.01


def test_every_reader_sees_every_face_once_and_the_same_seed_gives_the_same() -> None:
    faces = made_faces()
    once, again = (draw_readers(SMALL, faces) for _ in range(2))
    for one, other in zip(once, again, strict=True):
        seen = [trial.trial.medium for trial in one.trials]
        assert sorted(seen) == sorted(face.photo for face in faces)
        assert seen == [trial.trial.medium for trial in other.trials]
        assert [trial.rating for trial in one.trials] == [trial.rating for trial in other.trials]
    assert len({tuple(t.trial.medium for t in one.trials) for one in once}) == len(once)
    assert len({one.name for one in once}) == 4
    changed = draw_readers(replace(SMALL, seed=2), faces)
    assert changed[0].trials[0].areas != once[0].trials[0].areas


def test_ratings_are_as_good_as_the_skill() -> None:
    faces = made_faces(40)
    gaps = []
    for skill in (0.0, 2.5):
        plan = replace(SMALL, skill=(skill, skill), readers=(8, 8), skill_sd=0, seconds=1)
        ill = {face.photo: face.ill for face in faces}
        ratings = [
            (ill[trial.trial.medium], trial.rating)
            for reader in draw_readers(plan, faces)
            for trial in reader.trials
        ]
        means = [np.mean([r for is_ill, r in ratings if is_ill == one]) for one in (True, False)]
        gaps.append(means[0] - means[1])
        assert {rating for _, rating in ratings} == {1, 2, 3, 4, 5}
    assert abs(gaps[0]) < 0.5
    assert gaps[1] > 1.2


def test_samples_are_where_the_plan_is_but_for_noise_and_offset() -> None:
    faces = made_faces()
    [reader, *_] = draw_readers(SMALL, faces)
    places = placements(faces)
    tracker = TrackerPlan(noise=0.5, offset=0.2)
    found = record(reader, places, tracker, seed=1)
    inside = (found.fixation >= 0) & found.samples.valid
    x = found.samples.x[inside] - found.x[found.fixation[inside]]
    assert x.std() == pytest.approx(0.5 * 38, rel=0.05)
    assert abs(x.mean()) < 38
    assert np.isnan(found.samples.x[~found.samples.valid]).all()
    assert 0.005 < (~found.samples.valid).mean() < 0.1
    for one in found.shown:
        place = one.placement
        assert 0 <= place.left <= SCREEN[0] - place.width
        assert place.height == pytest.approx(0.85 * SCREEN[1], abs=1)
        assert one.offset - one.onset == 3
    assert np.allclose(np.diff(found.samples.time), 1 / 120)
    exact = record(reader, places, TrackerPlan(noise=0, offset=0, blinks=0, lost=0), seed=1)
    inside = exact.fixation >= 0
    assert np.allclose(exact.samples.x[inside], exact.x[exact.fixation[inside]], atol=1e-6)


def test_a_study_is_written_whole_and_marked_as_simulated(cohort: Path, tmp_path: Path) -> None:
    faces = read_faces(cohort)
    folder = tmp_path / "study"
    write_readers(SMALL, TrackerPlan(rate=60), faces, folder, formats=[*FORMATS])
    truth = json.loads((folder / "truth.json").read_text("utf-8"))
    assert truth["simulated"] is True
    assert truth["plan"]["difference"] == 10
    assert {path.name for path in folder.iterdir()} == {
        *("exports", "readers.csv", "photos.csv", "ratings.csv", "fixations.csv", "measures.csv"),
        "truth.json",
    }
    for name in FORMATS:
        files = [path for path in (folder / "exports" / name).rglob("*") if path.is_file()]
        assert any(b"SIMULATED" in path.read_bytes() for path in files)
    with (folder / "ratings.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 4 * len(faces)
    assert {row["truth"] for row in rows} == {"0", "1"}


def test_an_export_of_tobii_has_the_planned_fixations(cohort: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    faces = read_faces(cohort)
    readers = write_readers(SMALL, TrackerPlan(), faces, folder, formats=["tobii", "tobii-old"])
    planned = np.concatenate([t.trial.fixations.duration for t in readers[0].trials])
    new, old = (
        pd.read_csv(folder / "exports" / name / f"{readers[0].name}.tsv", sep="\t", decimal=decimal)
        for name, decimal in (("tobii", "."), ("tobii-old", ","))
    )
    rows = new[new["Eye movement type"] == "Fixation"].groupby("Eye movement type index").first()
    assert np.allclose(rows["Eye movement event duration [ms]"], planned * 1000, atol=0.51)
    norm = old["Fixation point X (MCSnorm)"].dropna()
    left, width = (
        old[f"Presented Media {what}"][norm.index] for what in ("position X (DACSpx)", "width (px)")
    )
    assert np.allclose(left + norm * width, old["Fixation point X"][norm.index], atol=0.51)
    assert (new["Presented Media name"].dropna().nunique()) == len(faces)
    text = (folder / "exports" / "tobii-old" / f"{readers[0].name}.tsv").read_text("utf-8")
    assert "0," in text
    assert "0.5" not in text


def test_the_planned_measures_give_the_planned_difference(cohort: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    plan = ReadersPlan(readers=(8, 8), difference=25, seconds=4)
    write_readers(plan, TrackerPlan(rate=30), read_faces(cohort), folder, formats=[])
    measures = read_measures(folder / "measures.csv", ["dwell_share"])
    found = {(one.area, one.effect): one for one in study(measures, permutations=0).effects}
    eyes = found["eyes", "group"]
    assert eyes.estimate.low < 0.25 < eyes.estimate.high
    assert eyes.p_adjusted < 0.001
    assert found["nose", "group"].estimate.high < 0


def test_half_of_the_faces_are_patients_and_each_person_is_shown_once(cohort: Path) -> None:
    faces = read_faces(cohort, 8)
    assert Counter(face.ill for face in faces) == {True: 4, False: 4}
    every = read_faces(cohort)
    assert Counter(face.ill for face in every) == {True: 6, False: 5}
    assert all((face.width, face.height) == (160, 160) for face in every)


@pytest.mark.parametrize(
    ("plan", "word"),
    [
        (replace(SMALL, groups=("A", "A")), "two groups"),
        (replace(SMALL, readers=(0, 3)), "1 to 99 readers"),
        (replace(SMALL, area="nose"), "'nose'"),
        (replace(SMALL, area="chin"), "'chin'"),
        (replace(SMALL, area="jaw", difference=40), "no attention"),
        (replace(SMALL, seconds=0.5), "shorter than a second"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(plan: ReadersPlan, word: str) -> None:
    with pytest.raises(UsageError, match=word):
        draw_readers(plan, made_faces())


def test_places_that_are_not_ours_are_not_overwritten(cohort: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no faces"):
        draw_readers(SMALL, [])
    with pytest.raises(UsageError, match="not a simulated cohort"):
        read_faces(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "note.txt").write_text("mine")
    faces = read_faces(cohort, 4)
    with pytest.raises(OutputError, match="has no simulated readers"):
        write_readers(SMALL, TrackerPlan(), faces, tmp_path / "mine", formats=[])
    write_readers(SMALL, TrackerPlan(), faces, tmp_path / "new", formats=[])
    with pytest.raises(OutputError, match="already has simulated readers"):
        write_readers(SMALL, TrackerPlan(), faces, tmp_path / "new", formats=[])
    write_readers(SMALL, TrackerPlan(), faces, tmp_path / "new", formats=[], overwrite=True)
    with pytest.raises(UsageError, match="Unknown format 'eyelink'"):
        write_readers(SMALL, TrackerPlan(), faces, tmp_path / "other", formats=["eyelink"])
    assert not (tmp_path / "other").exists()
