from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gestalt_space.errors import TableDamaged
from gestalt_space.gaze.importing.opening import read_exports, read_recordings
from tests.gaze.recorded import PLACEMENT, one_export

STUDIO = {
    "Participant name": "ParticipantName",
    "Recording name": "RecordingName",
    "Gaze point X": "GazePointX (ADCSpx)",
    "Gaze point Y": "GazePointY (ADCSpx)",
    "Validity left": "ValidityLeft",
    "Validity right": "ValidityRight",
    "Presented Media name": "MediaName",
    "Presented Media width": "MediaWidth",
    "Presented Media height": "MediaHeight",
    "Presented Media position X (DACSpx)": "MediaPosX (ADCSpx)",
    "Presented Media position Y (DACSpx)": "MediaPosY (ADCSpx)",
    "Eye movement type": "GazeEventType",
    "Gaze event duration": "GazeEventDuration",
    "Eye movement type index": "FixationIndex",
    "Fixation point X": "FixationPointX (ADCSpx)",
    "Fixation point Y": "FixationPointY (ADCSpx)",
}
BRACKETS = {
    "Gaze point X": "Gaze point X [DACS px]",
    "Gaze point Y": "Gaze point Y [DACS px]",
    "Presented Media position X (DACSpx)": "Presented Media position X [DACS px]",
    "Presented Media position Y (DACSpx)": "Presented Media position Y [DACS px]",
    "Gaze event duration": "Eye movement event duration [ms]",
    "Fixation point X": "Fixation point X [DACS px]",
    "Fixation point Y": "Fixation point Y [DACS px]",
}
VERSIONS = {
    "microseconds, no unit": ({}, "utf-8-sig"),
    "milliseconds, no unit": ({"scale": 1e3}, "utf-8-sig"),
    "units in brackets": ({"time_unit": " [μs]", "headings": BRACKETS}, "utf-8"),
    "micro sign": ({"time_unit": " [µs]", "headings": BRACKETS}, "cp1252"),
    "decimal commas": ({"decimal": ",", "time_unit": " [ms]", "scale": 1e3}, "utf-8-sig"),
    "Studio": (
        {"headings": {**STUDIO, "Recording timestamp": "RecordingTimestamp"}, "scale": 1e3},
        "utf-16",
    ),
}


@pytest.mark.parametrize("version", VERSIONS)
def test_versions_are_read_alike(version: str, tmp_path: Path) -> None:
    options, encoding = VERSIONS[version]
    export, plans = one_export(**options)
    recordings = read_recordings(export.write(tmp_path / "export.tsv", encoding))
    assert [(one.reader, one.name) for one in recordings] == [
        ("R1", "Recording1"),
        ("R2", "Recording1"),
    ]
    for one in recordings:
        assert one.samples is not None
        assert one.fixations is not None
        assert [shown.medium for shown in one.shown] == ["face-1.png", "face-2.png"]
        assert {shown.placement for shown in one.shown} == {PLACEMENT}
        assert one.rate == pytest.approx(120, rel=0.002)
        planned = [
            fixation
            for (reader, _), plan in plans.items()
            if reader == one.reader
            for fixation in plan
        ]
        assert len(one.fixations) == len(planned)
        np.testing.assert_allclose(one.fixations.start, [p.start for p in planned], atol=0.01)
        np.testing.assert_allclose(one.fixations.x, [p.x for p in planned], atol=0.01)
        np.testing.assert_allclose(
            one.fixations.duration, [p.end - p.start for p in planned], atol=0.001
        )
        assert one.shown[0].onset == pytest.approx(1.0, abs=0.01)


def test_a_folder_of_exports(tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    paths = []
    for reader in ("R1", "R2"):
        export, _ = one_export()
        export.rows[:] = [row for row in export.rows if row["Participant name"] == reader]
        paths.append(export.write(folder / f"{reader}.tsv"))
    (folder / "notes.txt").write_text("calibrated twice", encoding="utf-8")
    (folder / ".R1.tsv").write_bytes(b"left by another program")
    whole = read_exports([folder])
    assert [one.reader for one in whole.recordings] == ["R1", "R2"]
    assert whole.rows == read_exports(paths).rows


def test_studio_without_original_sizes(tmp_path: Path) -> None:
    export, _ = one_export(left_out=("Original Media width", "Original Media height"))
    (first, _) = read_recordings(export.write(tmp_path / "export.tsv"))
    placement = first.shown[0].placement
    assert placement is not None
    assert (placement.photo_width, placement.photo_height) == (800, 800)


def test_a_row_per_eye_movement(tmp_path: Path) -> None:
    def only_first(export: object) -> None:
        seen, kept = set(), []
        for row in export.rows:  # type: ignore[attr-defined]
            key = (
                row["Participant name"],
                row["Presented Media name"],
                row["Eye movement type"],
                row["Eye movement type index"],
            )
            if key not in seen and row["Eye movement type"] == "Fixation":
                kept.append(row)
            seen.add(key)
        export.rows[:] = kept  # type: ignore[attr-defined]

    export, plans = one_export(change=only_first)
    first, _ = read_recordings(export.write(tmp_path / "export.tsv"))
    assert first.samples is None
    assert first.rate is None
    assert first.fixations is not None
    planned = [*plans["R1", "face-1.png"], *plans["R1", "face-2.png"]]
    assert len(first.fixations) == len(planned)
    assert [one.medium for one in first.shown] == ["face-1.png", "face-2.png"]
    # The last fixation of the medium is on it to its end.
    assert first.shown[0].offset == pytest.approx(plans["R1", "face-1.png"][-1].end, abs=0.02)


def test_a_row_per_sample_with_fixations_alone(tmp_path: Path) -> None:
    """The columns of a study that exported no gaze points; the media have breaks between them."""
    gaze = ("Sensor", "Gaze point X", "Gaze point Y", "Validity left", "Validity right")
    export, plans = one_export(left_out=gaze)
    for row in export.rows:
        row["AOI hit [face-1.png - eyes]"] = 0
    first, _ = read_recordings(export.write(tmp_path / "export.tsv"))
    assert first.samples is None
    assert first.fixations is not None
    planned = [*plans["R1", "face-1.png"], *plans["R1", "face-2.png"]]
    np.testing.assert_allclose(first.fixations.start, [one.start for one in planned], atol=0.01)
    assert first.shown[0].offset == pytest.approx(plans["R1", "face-1.png"][-1].end, abs=0.02)
    assert first.shown[1].offset == pytest.approx(plans["R1", "face-2.png"][-1].end, abs=0.02)


def test_rows_of_the_mouse_are_no_lost_gaze(tmp_path: Path) -> None:
    export, _ = one_export(readers=("R1",))
    mouse = [
        {
            **row,
            "Sensor": "Mouse",
            "Gaze point X": None,
            "Gaze point Y": None,
            "Recording timestamp": row["Recording timestamp"] + 3,
        }
        for row in export.rows[::2]
    ]
    export.rows = sorted([*export.rows, *mouse], key=lambda row: row["Recording timestamp"])
    (recording,) = read_recordings(export.write(tmp_path / "export.tsv"))
    assert recording.samples is not None
    assert recording.samples.valid.all()


def test_rows_of_events_are_no_lost_gaze(tmp_path: Path) -> None:
    """An export without the column Sensor: a key that was pressed has a row of its own."""
    export, _ = one_export(readers=("R1",), left_out=("Sensor",))
    for row in export.rows:
        row["Event"] = ""
    export.rows[5]["Event"] = "ImageStimulusStart"  # on a row with gaze
    pressed = {**export.rows[10], "Event": "KeyboardEvent", "Gaze point X": None}
    pressed |= {"Gaze point Y": None, "Recording timestamp": pressed["Recording timestamp"] + 2}
    count = len(export.rows)
    export.rows.insert(11, pressed)
    (recording,) = read_recordings(export.write(tmp_path / "export.tsv"))
    assert recording.samples is not None
    assert len(recording.samples.time) == count
    assert recording.samples.valid.all()


def test_gaze_of_both_eyes_is_their_mean(tmp_path: Path) -> None:
    export, _ = one_export(readers=("R1",))
    want = [row["Gaze point X"] for row in export.rows]
    for number, row in enumerate(export.rows):
        x, y = row.pop("Gaze point X"), row.pop("Gaze point Y")
        row |= {"Gaze point left X": x - 4, "Gaze point left Y": y}
        row |= {
            "Gaze point right X": None if number % 2 else x + 4,
            "Gaze point right Y": None if number % 2 else y,
        }
        if number % 2:
            row["Gaze point left X"] = x
    (recording,) = read_recordings(export.write(tmp_path / "export.tsv"))
    assert recording.samples is not None
    np.testing.assert_allclose(recording.samples.x, want, atol=0.01)


def test_coordinates_of_the_media(tmp_path: Path) -> None:
    export, _ = one_export(readers=("R1",))
    want = np.array([row["Gaze point X"] for row in export.rows])
    for row in export.rows:
        for axis, start, length in (("X", PLACEMENT.left, 800), ("Y", PLACEMENT.top, 800)):
            row[f"Gaze point {axis} (MCSnorm)"] = (
                100 * (row.pop(f"Gaze point {axis}") - start) / length
            )
            row.pop(f"Fixation point {axis}")
    for row in export.rows:
        for axis in "XY":
            row[f"Gaze point {axis} (MCSnorm)"] = f"{row[f'Gaze point {axis} (MCSnorm)'] / 100:.6f}"
    (recording,) = read_recordings(export.write(tmp_path / "export.tsv"))
    assert recording.samples is not None
    np.testing.assert_allclose(recording.samples.x, want, atol=0.01)


@pytest.mark.parametrize(
    ("heading", "named"),
    [
        ("Participant name", "the reader (Participant name)"),
        ("Presented Media name", "the medium (Presented Media name)"),
    ],
)
def test_a_missing_column_is_named_with_what_is_there(
    heading: str, named: str, tmp_path: Path
) -> None:
    export, _ = one_export(left_out=(heading,))
    with pytest.raises(TableDamaged) as caught:
        read_recordings(export.write(tmp_path / "export.tsv"))
    assert named in caught.value.message
    assert "Recording timestamp, Sensor" in caught.value.hint


def test_without_gaze_the_columns_are_named(tmp_path: Path) -> None:
    points = tuple(f"{what} point {axis}" for what in ("Gaze", "Fixation") for axis in "XY")
    export, _ = one_export(left_out=points)
    with pytest.raises(TableDamaged, match="no column for the gaze"):
        read_recordings(export.write(tmp_path / "export.tsv"))


def test_the_unit_of_times_is_said_where_it_was_inferred(tmp_path: Path) -> None:
    export, _ = one_export()
    found = read_exports([export.write(tmp_path / "export.tsv")])
    assert any("read as microseconds" in note for note in found.notes)
    assert ("time", "Recording timestamp") in found.columns


def test_a_clock_that_goes_back_leaves_out_what_was_shown_then(tmp_path: Path) -> None:
    export, _ = one_export(readers=("R1",), media=("face-1.png", "face-2.png", "face-3.png"))
    second = [row for row in export.rows if row["Presented Media name"] == "face-2.png"]
    after = export.rows.index(second[len(second) // 2])
    for row in export.rows[after:]:
        row["Recording timestamp"] -= 2_000_000
    found = read_exports([export.write(tmp_path / "export.tsv")])
    (recording,) = found.recordings
    assert [one.medium for one in recording.shown] == ["face-1.png", "face-3.png"]
    assert [(one.medium, one.reason) for one in found.left_out] == [
        ("face-2.png", "the clock went back by 1.99 s while it was shown")
    ]
    assert recording.samples is not None
    assert (np.diff(recording.samples.time) > 0).all()
    assert recording.shown[1].offset - recording.shown[1].onset == pytest.approx(4, abs=0.5)


def test_repeated_times_are_left_out_and_counted(tmp_path: Path) -> None:
    export, _ = one_export(readers=("R1",))
    export.rows.insert(11, dict(export.rows[10]))
    found = read_exports([export.write(tmp_path / "export.tsv")])
    samples = found.recordings[0].samples
    assert samples is not None
    assert (np.diff(samples.time) > 0).all()
    assert "R1, Recording1: 1 row with the time of the row before left out." in found.notes


def test_a_file_that_is_cut_off(tmp_path: Path) -> None:
    export, _ = one_export()
    path = export.write(tmp_path / "export.tsv")
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"\t")])
    with pytest.raises(TableDamaged, match="number of cells"):
        read_recordings(path)


def test_another_vendors_file_is_refused_with_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text("EYE_TRACKER_TIME,LEFT_GAZE_X\n1,2\n", encoding="utf-8")
    with pytest.raises(TableDamaged) as caught:
        read_recordings(path)
    assert "EYE_TRACKER_TIME, LEFT_GAZE_X" in caught.value.message
    assert "--mapping" in caught.value.hint


def test_a_medium_that_moved_has_no_place(tmp_path: Path) -> None:
    export, _ = one_export(readers=("R1",))
    for row in export.rows[:100]:
        row["Presented Media position Y (DACSpx)"] = 90
    found = read_exports([export.write(tmp_path / "export.tsv")])
    assert [(one.medium, one.reason) for one in found.left_out] == [
        ("face-1.png", "it was moved while it was shown")
    ]
    assert [one.medium for one in found.recordings[0].shown] == ["face-2.png"]


def test_a_clock_that_jumps_ahead_leaves_out_what_was_shown_then(tmp_path: Path) -> None:
    export, _ = one_export(readers=("R1",))
    for row in export.rows[200:]:
        row["Recording timestamp"] += 5_000_000
    found = read_exports([export.write(tmp_path / "export.tsv")])
    assert [one.medium for one in found.recordings[0].shown] == ["face-2.png"]
    assert [(one.medium, one.reason) for one in found.left_out] == [
        ("face-1.png", "there are no samples for 5.01 s while it was shown")
    ]


def test_fixations_in_shares_of_the_media(tmp_path: Path) -> None:
    export, plans = one_export(readers=("R1",), left_out=("Gaze point X", "Gaze point Y"))
    for row in export.rows:
        for axis, start in (("X", PLACEMENT.left), ("Y", PLACEMENT.top)):
            place = row.pop(f"Fixation point {axis}")
            share = None if place is None else f"{(place - start) / 800:.6f}"
            row[f"Fixation point {axis} (MCSnorm)"] = share
    (recording,) = read_recordings(export.write(tmp_path / "export.tsv"))
    planned = [*plans["R1", "face-1.png"], *plans["R1", "face-2.png"]]
    assert recording.fixations is not None
    np.testing.assert_allclose(recording.fixations.x, [one.x for one in planned], atol=0.01)
    np.testing.assert_allclose(recording.fixations.y, [one.y for one in planned], atol=0.01)


def test_coordinates_of_media_that_stand_nowhere(tmp_path: Path) -> None:
    export, _ = one_export(left_out=("Presented Media position X (DACSpx)",))
    export.headings = {
        f"{what} point {axis}": f"{what} point {axis} (MCSpx)"
        for what in ("Gaze", "Fixation")
        for axis in "XY"
    }
    with pytest.raises(TableDamaged) as caught:
        read_recordings(export.write(tmp_path / "export.tsv"))
    assert "Gaze point X (MCSpx)" in caught.value.message
    assert "Presented Media position" in caught.value.hint


def test_a_reader_whose_name_looks_like_nothing(tmp_path: Path) -> None:
    export, _ = one_export(readers=("NA", "nan"))
    found = read_recordings(export.write(tmp_path / "export.tsv"))
    assert [one.reader for one in found] == ["NA", "nan"]
