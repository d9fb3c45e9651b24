"""Pupil Labs, BIDS, and tables with a mapping."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.errors import TableDamaged, UsageError
from gestalt_space.gaze.importing.opening import read_exports, read_recordings

SCREEN = (1000, 500)


def pupil(folder: Path) -> tuple[Path, Path]:
    gaze, fixations = folder / "gaze_positions.csv", folder / "fixations.csv"
    gaze.write_text(
        "gaze_timestamp,world_index,confidence,norm_pos_x,norm_pos_y\n"
        # One out of order, one doubted, one twice.
        "10.00,0,0.9,0.1,0.9\n10.02,0,0.9,0.3,0.7\n10.01,0,0.9,0.2,0.8\n"
        "10.03,0,0.2,0.4,0.6\n10.03,0,0.9,0.4,0.6\n",
        encoding="utf-8",
    )
    fixations.write_text(
        "id,start_timestamp,duration,norm_pos_x,norm_pos_y,dispersion,confidence\n"
        "7,10.0,150.0,0.5,0.25,1.2,0.95\n8,10.2,80.0,0.5,0.5,1.2,0.3\n",
        encoding="utf-8",
    )
    return gaze, fixations


def test_pupil_labs_counts_from_the_lower_left(tmp_path: Path) -> None:
    pupil(tmp_path)
    found = read_exports([tmp_path], reader="R1", screen=SCREEN)
    (one,) = found.recordings
    assert one.reader == "R1"
    assert one.samples is not None
    assert one.fixations is not None
    np.testing.assert_allclose(one.samples.time, [10.00, 10.01, 10.02, 10.03])
    np.testing.assert_allclose(one.samples.x, [100, 200, 300, 400])
    np.testing.assert_allclose(one.samples.y, [50, 100, 150, 200])
    assert [*one.samples.valid] == [True, True, True, False]
    assert one.rate == pytest.approx(100)
    np.testing.assert_allclose(one.fixations.x, [500])
    np.testing.assert_allclose(one.fixations.y, [375])
    np.testing.assert_allclose(one.fixations.duration, [0.15])
    assert any("1 row with the time of another row" in note for note in found.notes)


def test_pupil_labs_on_a_surface_has_a_row_per_frame(tmp_path: Path) -> None:
    path = tmp_path / "fixations_on_surface_screen.csv"
    path.write_text(
        "world_timestamp,world_index,fixation_id,start_timestamp,duration,norm_pos_x,norm_pos_y,"
        "on_surf,confidence\n"
        "10.0,1,3,9.9,200,0.5,0.5,True,0.9\n10.03,2,3,9.9,200,0.5,0.5,True,0.9\n",
        encoding="utf-8",
    )
    pupil(tmp_path)
    (one,) = read_exports([tmp_path], reader="R1", screen=SCREEN).recordings
    assert one.fixations is not None
    assert len(one.fixations) == 1


def test_pupil_labs_needs_a_size_and_a_reader(tmp_path: Path) -> None:
    gaze, _ = pupil(tmp_path)
    with pytest.raises(UsageError, match="without its size"):
        read_exports([gaze], reader="R1")
    with pytest.raises(UsageError, match="does not name the reader"):
        read_exports([gaze], screen=SCREEN)


def test_a_missing_column_of_pupil_labs(tmp_path: Path) -> None:
    path = tmp_path / "gaze.csv"
    path.write_text("gaze_timestamp,confidence,norm_pos_x\n1,1,1\n", encoding="utf-8")
    with pytest.raises(TableDamaged) as caught:
        read_exports([path], reader="R1", screen=SCREEN)
    assert "normposy" in caught.value.message
    assert "gaze_timestamp, confidence, norm_pos_x" in caught.value.hint


@pytest.mark.shared
def test_the_shared_export_of_pupil_labs(shared: Path) -> None:
    (one,) = read_exports(
        [shared / "gaze" / "pupil_gaze_positions.csv"], reader="R1", screen=(1280, 720)
    ).recordings
    assert one.samples is not None
    assert len(one.samples.time) > 1000
    assert (np.diff(one.samples.time) > 0).all()
    (other,) = read_exports(
        [shared / "gaze" / "pupil_fixations.csv"], reader="R1", screen=(1280, 720)
    ).recordings
    assert other.fixations is not None
    assert other.fixations.duration.max() < 2


def bids(folder: Path, *, eyes: int = 2, **facts: object) -> Path:
    """A data set with a recording of four samples of each eye, 2 pixels apart."""
    place = folder / "sub-01" / "beh"
    place.mkdir(parents=True)
    (folder / "dataset_description.json").write_text("{}", encoding="utf-8")
    told = {
        "PhysioType": "eyetrack",
        "Columns": ["timestamp", "x_coordinate", "y_coordinate", "pupil_size"],
        "SamplingFrequency": 100,
        "SampleCoordinateSystem": "gaze-on-screen",
        "timestamp": {"Units": "ms"},
        "x_coordinate": {"Units": "pixel"},
        **facts,
    }
    (folder / "task-look_physio.json").write_text(json.dumps(told), encoding="utf-8")
    for eye in range(1, eyes + 1):
        rows = [f"{5000 + 10 * n}\t{100 + 2 * eye}\t{200 if n else 'n/a'}\t9" for n in range(4)]
        data = "\ufeff" + "\n".join(rows) + "\n"
        name = f"sub-01_task-look_recording-eye{eye}_physio"
        (place / f"{name}.tsv.gz").write_bytes(gzip.compress(data.encode()))
        (place / f"{name}.json").write_text('{"StartTime": 0}', encoding="utf-8")
    (place / "sub-01_task-look_events.tsv").write_text(
        "onset\tduration\tstim_file\n0\t0.01\tn/a\n0.01\t0.02\tface.png\n", encoding="utf-8"
    )
    (folder / "task-look_physioevents.json").write_text(
        json.dumps({"Columns": ["onset", "duration", "trial_type"], "OnsetSource": "timestamp"}),
        encoding="utf-8",
    )
    events = "5010\t20\tfixation\n5030\t5\tsaccade\n"
    (place / "sub-01_task-look_recording-eye1_physioevents.tsv.gz").write_bytes(
        gzip.compress(events.encode())
    )
    return place


def test_bids_is_a_file_per_eye_with_side_cars_above(tmp_path: Path) -> None:
    bids(tmp_path)
    found = read_exports([tmp_path])
    (one,) = found.recordings
    assert found.format == "BIDS"
    assert (one.reader, one.name, one.rate) == ("sub-01", "sub-01_task-look", 100)
    assert one.samples is not None
    np.testing.assert_allclose(one.samples.time, [5.0, 5.01, 5.02, 5.03])
    np.testing.assert_allclose(one.samples.x, 103)  # the mean of both eyes
    assert [*one.samples.valid] == [False, True, True, True]
    ((shown),) = one.shown
    assert (shown.medium, shown.onset, shown.offset) == ("face.png", 5.01, pytest.approx(5.03))
    assert one.fixations is not None
    np.testing.assert_allclose(one.fixations.start, [5.01])
    np.testing.assert_allclose(one.fixations.duration, [0.02])


def test_a_start_time_that_is_no_number(tmp_path: Path) -> None:
    place = bids(tmp_path, eyes=1)
    eye = place / "sub-01_task-look_recording-eye1_physio.json"
    eye.write_text('{"StartTime": "n/a"}', encoding="utf-8")
    (one,) = read_recordings(tmp_path)
    assert one.shown[0].onset == pytest.approx(5.01)


def test_bids_from_the_bottom_of_the_screen(tmp_path: Path) -> None:
    bids(tmp_path)
    (tmp_path / "task-look_events.json").write_text(
        json.dumps(
            {
                "StimulusPresentation": {
                    "ScreenOrigin": ["bottom", "left"],
                    "ScreenResolution": [1920, 1080],
                }
            }
        ),
        encoding="utf-8",
    )
    found = read_exports([tmp_path])
    samples = found.recordings[0].samples
    assert samples is not None
    assert samples.y[1] == 880
    assert any("counts from the bottom" in note for note in found.notes)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"SampleCoordinateSystem": "eye-in-head"}, "eye-in-head"),
        ({"Columns": ["timestamp", "pupil_size", "a", "b"]}, "timestamp, pupil_size, a, b"),
        ({"Columns": ["timestamp", "x_coordinate", "y", "b"]}, "no column y_coordinate"),
        ({"Columns": ["timestamp", "x_coordinate", "y_coordinate"]}, "has 4 columns"),
        ({"x_coordinate": {"Units": "deg"}}, "is in deg, not in pixels"),
    ],
)
def test_bids_that_cannot_be_used(facts: dict[str, object], said: str, tmp_path: Path) -> None:
    bids(tmp_path, **facts)
    with pytest.raises(TableDamaged) as caught:
        read_exports([tmp_path])
    assert said in f"{caught.value.message} {caught.value.hint}"


def test_one_bad_recording_of_bids_does_not_stop_the_others(tmp_path: Path) -> None:
    place = bids(tmp_path)
    (place / "sub-01_task-look_run-2_physio.tsv").write_text("", encoding="utf-8")
    found = read_exports([tmp_path])
    assert len(found.recordings) == 1
    assert [(one.recording, one.reason) for one in found.left_out] == [
        ("sub-01_task-look_run-2", "sub-01_task-look_run-2_physio.tsv is empty")
    ]


@pytest.mark.shared
def test_the_shared_data_sets_of_bids(shared: Path) -> None:
    place = shared / "gaze" / "bids"
    (one,) = read_recordings(place / "eyetracking_eeg_ds007338")
    assert one.reader == "sub-EP10"
    assert one.samples is not None
    assert one.rate == 10
    assert one.fixations is not None
    np.testing.assert_allclose(one.fixations.duration, [1.788, 1.502, 1.41])
    with pytest.raises(TableDamaged, match="is empty"):
        read_recordings(place / "eyetracking_binocular")


MAPPING = """
origin = "centre"
screen = [1000, 500]
[columns]
reader = "subject"
medium = "stimulus"
time = "t"
x = "gx"
y = "gy"
valid = "ok"
[units]
time = "ms"
"""


def mapped(folder: Path, mapping: str, table: str) -> tuple[Path, Path]:
    rules, path = folder / "mapping.toml", folder / "table.csv"
    rules.write_text(mapping, encoding="utf-8")
    path.write_text(table, encoding="utf-8")
    return path, rules


def test_any_table_with_a_mapping(tmp_path: Path) -> None:
    table = "subject;stimulus;t;gx;gy;ok\n"
    table += "".join(f"R1;face.png;{10 * n};-100,5;50;{int(n != 2)}\n" for n in range(5))
    path, mapping = mapped(tmp_path, MAPPING, table)
    (one,) = read_exports([path], mapping=mapping).recordings
    assert one.samples is not None
    np.testing.assert_allclose(one.samples.x, 399.5)
    np.testing.assert_allclose(one.samples.y, 200)
    assert [*one.samples.valid] == [True, True, False, True, True]
    assert one.rate == pytest.approx(100)
    assert [(shown.medium, shown.placement) for shown in one.shown] == [("face.png", None)]


def test_a_table_of_fixations_with_a_mapping(tmp_path: Path) -> None:
    mapping = MAPPING.replace('valid = "ok"', 'duration = "length"').replace(
        'origin = "centre"', 'reader = "R9"'
    )
    mapping = mapping.replace('reader = "subject"\n', "")
    table = "stimulus,t,gx,gy,length\nface.png,0,100,200,0.2\nface.png,250,300,200,0.3\n"
    path, rules = mapped(tmp_path, mapping, table)
    (one,) = read_exports([path], mapping=rules).recordings
    assert one.reader == "R9"
    assert one.samples is None
    assert one.fixations is not None
    np.testing.assert_allclose(one.fixations.duration, [0.2, 0.3])
    assert one.shown[0].offset == pytest.approx(0.55)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('x = "gx"\n', ""), "does not say which column is x"),
        (('x = "gx"', 'x = "GX"'), "no column for x (GX)"),
        (("screen = [1000, 500]\n", ""), "size of the screen"),
        (("screen = [1000, 500]", "screen = [1000]"), "not a width and a height"),
        (('time = "ms"', 'time = "hours"'), "unknown time 'hours'"),
        (('reader = "subject"\n', ""), "who the reader is"),
        (('valid = "ok"', 'validity = "ok"'), "'validity' is unknown"),
        (("[units]", "[unit"), "is not TOML"),
        (("[units]", "[scales]"), "unknown entry 'scales'"),
    ],
)
def test_a_wrong_mapping(change: tuple[str, str], said: str, tmp_path: Path) -> None:
    path, mapping = mapped(
        tmp_path, MAPPING.replace(*change), "subject;stimulus;t;gx;gy;ok\nR1;f;1;2;3;1\n"
    )
    with pytest.raises((UsageError, TableDamaged)) as caught:
        read_exports([path], mapping=mapping)
    assert said in caught.value.message


def test_two_files_with_one_recording_are_refused(tmp_path: Path) -> None:
    path, mapping = mapped(tmp_path, MAPPING, "subject,stimulus,t,gx,gy,ok\nR1,f,1,2,3,1\n")
    with pytest.raises(UsageError, match="Two files have the recording R1 of R1"):
        read_exports([path, path], mapping=mapping)


def test_a_folder_of_mapped_tables(tmp_path: Path) -> None:
    table = "subject;stimulus;t;gx;gy;ok\nR1;face.png;0;1;2;1\nR1;face.png;10;1;2;1\n"
    path, mapping = mapped(tmp_path, MAPPING, table)
    folder = tmp_path / "tables"
    folder.mkdir()
    path.rename(folder / "R1.csv")
    (folder / "R2.csv").write_text(table.replace("R1", "R2"), encoding="utf-8")
    export = read_exports([folder], mapping=mapping)
    assert [one.reader for one in export.recordings] == ["R1", "R2"]


def test_an_empty_file_and_a_project_file(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_bytes(b"")
    with pytest.raises(TableDamaged, match="is empty"):
        read_recordings(path)
    path.write_bytes(b"PK\x03\x04\0\0\0\0")
    with pytest.raises(TableDamaged, match="not a text table"):
        read_recordings(path)
    with pytest.raises(TableDamaged, match="cannot be read"):
        read_recordings(tmp_path / "missing.tsv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(TableDamaged, match="no recording in a known format"):
        read_recordings(tmp_path / "empty")


def test_an_archive_that_is_damaged(tmp_path: Path) -> None:
    place = bids(tmp_path, eyes=1)
    path = place / "sub-01_task-look_recording-eye1_physio.tsv.gz"
    data = bytearray(path.read_bytes())
    data[14:18] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    with pytest.raises(TableDamaged, match="cannot be read: the archive is damaged"):
        read_recordings(tmp_path)
    path.write_bytes(data[:20])
    with pytest.raises(TableDamaged, match="cannot be read"):
        read_recordings(tmp_path)


def test_a_screen_from_the_bottom_without_a_height(tmp_path: Path) -> None:
    bids(tmp_path)
    facts = {"StimulusPresentation": {"ScreenOrigin": ["bottom", "left"], "ScreenResolution": [9]}}
    (tmp_path / "task-look_events.json").write_text(json.dumps(facts), encoding="utf-8")
    with pytest.raises(TableDamaged, match="ScreenResolution"):
        read_exports([tmp_path])


def test_lines_that_end_as_on_old_computers(tmp_path: Path) -> None:
    gaze, _ = pupil(tmp_path)
    gaze.write_bytes(gaze.read_bytes().replace(b"\n", b"\r"))
    (one,) = read_exports([gaze], reader="R1", screen=SCREEN).recordings
    assert one.samples is not None
    assert len(one.samples.time) == 4
