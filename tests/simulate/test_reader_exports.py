"""Exports of simulated readers, read by the importers of their formats: what comes back is what was
planned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.faces.alignment import TEMPLATE, similarity_transform
from gestalt_space.faces.regions import REGIONS, region_at
from gestalt_space.gaze.importing.opening import read_exports
from gestalt_space.gaze.placement_file import placed, read_media_file
from gestalt_space.gaze.types import Recording
from gestalt_space.simulate.gaze_exports import FORMATS
from gestalt_space.simulate.gaze_samples import (
    SCREEN,
    SimulatedRecording,
    TrackerPlan,
    placements,
    record,
)
from gestalt_space.simulate.readers import ReadersPlan, draw_readers
from tests.simulate.test_readers import made_faces

PLAN = ReadersPlan(readers=(1, 1), seconds=3)
WITH_FIXATIONS = ("tobii", "tobii-old", "pupil")


def recorded() -> list[SimulatedRecording]:
    faces = made_faces(6)
    places = placements(faces)
    return [record(one, places, TrackerPlan(), 1) for one in draw_readers(PLAN, faces)]


def read(name: str, folder: Path, reader: str) -> Recording:
    """The recording of a reader, with the media file of its format."""
    if name == "pupil":
        export = read_exports([folder / reader], reader=reader, screen=SCREEN)
    elif name == "bids":
        export = read_exports([folder])
    elif name == "table":
        tables = sorted(folder.glob("SIM*.csv"))
        export = read_exports(tables, mapping=folder / "mapping.toml")
    else:
        export = read_exports(sorted(folder.glob("*.tsv")))
    assert export.left_out == ()
    [found] = [one for one in export.recordings if one.reader.endswith(reader)]
    media = folder / "media.csv"
    return placed(found, read_media_file(media)) if media.exists() else found


@pytest.mark.parametrize("name", [*FORMATS])
def test_an_export_is_read_as_it_was_recorded(name: str, tmp_path: Path) -> None:
    recordings = recorded()
    FORMATS[name](recordings, tmp_path)
    for one in recordings:
        found = read(name, tmp_path, one.reader)
        assert found.rate == pytest.approx(120, rel=0.01)
        shown = [media for media in found.shown if media.medium]
        assert [media.medium for media in shown] == [media.medium for media in one.shown]
        assert [media.placement for media in shown] == [media.placement for media in one.shown]
        assert found.samples is not None
        clock = found.samples.time[0] - one.samples.time[0]
        for media, planned in zip(shown, one.shown, strict=True):
            assert media.onset - clock == pytest.approx(planned.onset, abs=0.01)
            assert media.offset - clock == pytest.approx(planned.offset, abs=0.02)
        assert (found.samples.valid == one.samples.valid).all()
        valid = one.samples.valid
        # Tobii writes whole pixels.
        assert np.allclose(found.samples.x[valid], one.samples.x[valid], atol=0.51)
        assert np.allclose(found.samples.y[valid], one.samples.y[valid], atol=0.51)


@pytest.mark.parametrize("name", WITH_FIXATIONS)
def test_fixations_of_the_eye_tracker_are_those_of_the_plan(name: str, tmp_path: Path) -> None:
    recordings = recorded()
    FORMATS[name](recordings, tmp_path)
    for one in recordings:
        found = read(name, tmp_path, one.reader).fixations
        assert found is not None
        assert len(found) == len(one.start)
        assert np.allclose(found.duration, one.duration, atol=0.01)
        assert np.allclose(found.x, one.x, atol=0.51)


def test_planned_areas_are_those_where_the_fixations_lie() -> None:
    faces = {face.photo: face for face in made_faces()}
    plan = replace(PLAN, readers=(3, 3))
    for reader in draw_readers(plan, [*faces.values()]):
        for trial in reader.trials:
            matrix = similarity_transform(faces[trial.trial.medium].landmarks, TEMPLATE)
            looked = trial.trial.fixations
            x, y = matrix @ np.stack([looked.x, looked.y, np.ones(len(looked))])
            assert [REGIONS[number] for number in region_at(x, y)] == [*trial.areas]
