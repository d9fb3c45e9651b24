"""From recordings to trials: placement, exclusions, and back from the table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas
import pytest

from gestalt_space.errors import TableDamaged, UsageError
from gestalt_space.gaze.areas import AREAS
from gestalt_space.gaze.fixations import FixationPlan
from gestalt_space.gaze.importing.export import Export
from gestalt_space.gaze.photos import SeenPhoto, match_photos
from gestalt_space.gaze.placement import to_photo, to_screen
from gestalt_space.gaze.placement_file import placed, read_media_file
from gestalt_space.gaze.quality import Rules, accuracy
from gestalt_space.gaze.trial_table import read_trials, write_trials
from gestalt_space.gaze.trials import FaceTrials, face_trials
from gestalt_space.gaze.types import Fixations, Placement, Recording, Samples, Shown
from tests.gaze.recorded import PLACEMENT

MATRIX = np.array([[0.28, 0.0, 0.0], [0.0, 0.28, 0.0]])
"""A photo of 400 × 400 pixels is the aligned face of 112 × 112."""


def photo(medium: str = "face", **changes: object) -> SeenPhoto:
    found = SeenPhoto(medium, Path(f"{medium}.png"), 400, 400, MATRIX)
    return replace(found, **changes)  # type: ignore[arg-type]


def recording(
    reader: str = "R1",
    shown: tuple[Shown, ...] = (Shown("face", 1.0, 3.0, PLACEMENT),),
    *,
    start: tuple[float, ...] = (1.1, 1.5, 2.0),
    x: tuple[float, ...] = (150, 200, 250),
    y: tuple[float, ...] = (185, 245, 330),
    duration: float = 0.3,
    samples: Samples | None = None,
) -> Recording:
    """Fixations at places of the photo."""
    at = to_screen(PLACEMENT, np.array(x, float), np.array(y, float))
    times = np.array(start)
    found = Fixations(times, np.full(len(times), duration), *at)
    return Recording(reader, "one", shown, samples, None if samples is None else 100.0, found)


def trials_of(
    *recordings: Recording, photos: dict[str, SeenPhoto] | None = None, rules: Rules | None = None
) -> FaceTrials:
    export = Export("made", recordings, (), 0)
    return face_trials(
        export, photos or {"face": photo()}, FixationPlan(), rules or Rules(), "tracker"
    )


def test_places_of_the_photo_and_of_the_face() -> None:
    ((one),) = trials_of(recording()).trials
    found = one.trial.fixations
    np.testing.assert_allclose(found.x, [150, 200, 250])
    np.testing.assert_allclose(found.y, [185, 245, 330])
    np.testing.assert_allclose(found.start, [0.1, 0.5, 1.0])
    assert one.trial.duration == 2.0
    # The middle of a pixel stays the middle of a pixel.
    np.testing.assert_allclose(one.x, (np.array([150, 200, 250]) - 0.5) * 0.28 + 0.5)
    assert [AREAS[number] for number in one.region] == ["eyes", "nose", "mouth"]


def test_a_photo_file_of_another_size_and_the_same_shape() -> None:
    larger = photo(width=800, height=800, matrix=MATRIX / 2)
    ((one),) = trials_of(recording(), photos={"face": larger}).trials
    np.testing.assert_allclose(one.trial.fixations.x, [300, 400, 500])
    assert [AREAS[number] for number in one.region] == ["eyes", "nose", "mouth"]


def test_a_photo_file_of_another_shape_is_not_the_one_that_was_shown() -> None:
    found = trials_of(recording(), photos={"face": photo(width=600)})
    assert not found.trials
    assert found.left_out[0].reason == (
        "the photo that was shown is 400 × 400 pixels, face.png is 600 × 400"
    )


def test_fixations_that_began_before_or_end_after() -> None:
    early_and_late = recording(start=(0.9, 1.5, 2.9))
    found = trials_of(early_and_late)
    fixations = found.trials[0].trial.fixations
    np.testing.assert_allclose(fixations.start, [0.5, 1.9])
    np.testing.assert_allclose(fixations.duration, [0.3, 0.1])
    assert found.begun_before == 1


def test_fixations_off_the_photo_are_counted() -> None:
    found = trials_of(recording(x=(150, 200, 900)))
    assert len(found.trials[0].trial.fixations) == 2
    assert found.off_photo == 1


def test_a_trial_whose_gaze_is_mostly_elsewhere_is_left_out() -> None:
    found = trials_of(recording(x=(150, 900, 900)), recording("R2"))
    assert [one.trial.reader for one in found.trials] == ["R2"]
    assert [(one.reader, one.medium, one.reason) for one in found.left_out] == [
        ("R1", "face", "67% of the gaze is off the photo"),
        ("R1", "", "1 of 1 trial left out"),
    ]


def test_samples_are_lost_by_rows_and_by_validity() -> None:
    time = np.arange(1.0, 3.0, 0.01)
    on = np.full(len(time), PLACEMENT.left + 300.0)
    valid = np.ones(len(time), bool)
    valid[50:110] = False
    samples = Samples(time, on, on, valid)
    kept = trials_of(recording(samples=samples)).trials[0].quality
    assert kept is not None
    assert kept.loss == pytest.approx(0.3)
    fewer = Samples(time[:140], on[:140], on[:140], valid[:140])
    found = trials_of(recording(samples=fewer))
    assert found.left_out[0].reason == "60% of the samples are lost"
    assert trials_of(recording(samples=fewer), rules=Rules(max_loss=0.7)).trials


def test_precision_within_fixations() -> None:
    rng = np.random.default_rng(2)
    time = np.arange(1.0, 3.0, 0.001)
    noise = rng.normal(0, 5, (2, len(time))) + PLACEMENT.left + 300
    samples = Samples(time, *noise, np.ones(len(time), bool))
    made = replace(recording(samples=samples), rate=1000.0)
    quality = trials_of(made).trials[0].quality
    assert quality is not None
    # Of white noise: the step from one sample to the next is √2 of the deviation, of both axes.
    assert quality.sd == pytest.approx(5 * np.sqrt(2), rel=0.1)
    assert quality.rms == pytest.approx(10, rel=0.1)


def test_a_reader_of_whom_too_little_is_left() -> None:
    media = tuple(Shown(f"m{n}", 4.0 * n, 4.0 * n + 2, PLACEMENT) for n in range(3))
    photos = {one.medium: photo(one.medium) for one in media}
    lost = photos | {name: photo(name, matrix=None, reason="No face.") for name in ("m0", "m1")}
    starts = (0.1, 4.1, 8.1)
    both = (recording("R1", media, start=starts), recording("R2", media, start=starts))
    assert len(trials_of(*both, photos=photos).trials) == 6
    found = trials_of(*both, photos=lost)
    assert not found.trials
    assert [one.reason for one in found.left_out if not one.medium] == [
        "2 of 3 trials left out"
    ] * 2
    assert len(trials_of(*both, photos=lost, rules=Rules(max_excluded=0.7)).trials) == 2


def test_media_without_a_photo_are_no_trials() -> None:
    shown = (Shown("cross", 0.0, 1.0, None), Shown("face", 1.0, 3.0, PLACEMENT))
    found = trials_of(recording(shown=shown))
    assert found.without_photo == ("cross",)
    assert [one.number for one in found.trials] == [2]


def test_two_media_of_one_name_are_refused() -> None:
    other = replace(PLACEMENT, photo_width=200, photo_height=200)
    shown = (Shown("face", 1.0, 3.0, PLACEMENT), Shown("face", 5.0, 7.0, other))
    with pytest.raises(TableDamaged) as caught:
        trials_of(recording(shown=shown))
    assert "one of 400 × 400 pixels, one of 200 × 200" in caught.value.message


def test_one_photo_may_be_shown_at_two_places() -> None:
    moved = replace(PLACEMENT, left=PLACEMENT.left + 100)
    shown = (Shown("face", 1.0, 1.45, PLACEMENT), Shown("face", 1.45, 3.0, moved))
    first, second = trials_of(recording(shown=shown)).trials
    np.testing.assert_allclose(first.trial.fixations.x, [150])
    np.testing.assert_allclose(second.trial.fixations.x, [150, 200])


def test_a_medium_without_a_place_is_named() -> None:
    with pytest.raises(TableDamaged) as caught:
        trials_of(recording(shown=(Shown("face", 1.0, 3.0, None),)))
    assert "stood on the screen: face" in caught.value.message
    assert "--media" in caught.value.hint


def test_a_stretched_photo_is_noted() -> None:
    wide = replace(PLACEMENT, width=1000.0)
    found = trials_of(recording(shown=(Shown("face", 1.0, 3.0, wide),)))
    assert found.notes == ("face was shown stretched by +25% in its width.",)


@pytest.mark.parametrize(
    ("asked", "said"), [("tracker", "no fixations"), ("dispersion", "no samples")]
)
def test_what_the_export_does_not_have(asked: str, said: str) -> None:
    bare = replace(recording(), fixations=None)
    with pytest.raises(UsageError, match=said):
        face_trials(
            Export("made", (bare,), (), 0), {"face": photo()}, FixationPlan(), Rules(), asked
        )


def test_there_and_back_again() -> None:
    placement = Placement(100, 50, 640, 480, 1280, 960)
    x, y = np.array([0.0, 640.0]), np.array([10.0, 480.0])
    there = to_screen(placement, x, y)
    np.testing.assert_allclose(there, [[100, 420], [55, 290]])
    np.testing.assert_allclose(to_photo(placement, *there), [x, y])


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet"])
def test_a_table_is_read_back(ending: str, tmp_path: Path) -> None:
    written = trials_of(recording("=R1"), recording("R2")).trials
    path = tmp_path / f"trials.{ending}"
    write_trials(written, path)
    read = read_trials(path)
    assert [one.trial.reader for one in read] == ["=R1", "R2"]
    for one, other in zip(read, written, strict=True):
        assert (one.trial.medium, one.recording, one.number) == ("face", "one", other.number)
        np.testing.assert_allclose(one.trial.fixations.x, other.trial.fixations.x, rtol=1e-5)
        np.testing.assert_allclose(one.x, other.x, rtol=1e-5)
        np.testing.assert_array_equal(one.region, other.region)
        assert one.trial.duration == 2.0


@pytest.mark.parametrize("column", ["area", "x", "fixation"])
def test_a_table_that_was_sorted_or_joined_to_another_has_the_same_trials(
    column: str, tmp_path: Path
) -> None:
    written = trials_of(recording("R1"), recording("R2")).trials
    path = tmp_path / "trials.csv"
    write_trials(written, path)
    rows = pandas.read_csv(path)
    rows.sort_values(column, kind="stable").to_csv(path, index=False)
    of_reader = {one.trial.reader: one for one in read_trials(path)}
    assert len(read_trials(path)) == 2
    for one in written:
        read = of_reader[one.trial.reader]
        np.testing.assert_allclose(read.trial.fixations.start, one.trial.fixations.start, rtol=1e-5)
        np.testing.assert_array_equal(read.region, one.region)
    pandas.concat([rows, rows]).to_csv(path, index=False)
    assert [one.trial.reader for one in read_trials(path)] == ["R1", "R2"] * 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("reader", "who"), "no column reader"),
        (("eyes", "snout"), "the area 'snout'"),
        (("0.3", ""), "cells without a number"),
        (("150,185", "1e300,185"), "numbers that cannot be"),
        (("0.1,0.3", "0.1,-3"), "numbers that cannot be"),
    ],
)
def test_what_is_no_such_table(change: tuple[str, str], said: str, tmp_path: Path) -> None:
    path = tmp_path / "trials.csv"
    write_trials(trials_of(recording()).trials, path)
    path.write_text(path.read_text(encoding="utf-8").replace(*change), encoding="utf-8")
    with pytest.raises(TableDamaged) as caught:
        read_trials(path)
    assert said in caught.value.message


def media_file(folder: Path, text: str) -> Path:
    path = folder / "media.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_media_file_gives_places_and_times(tmp_path: Path) -> None:
    path = media_file(
        tmp_path,
        "medium,left,top,width,height,photo_width,photo_height,reader,onset,offset\n"
        "face,10,20,800,800,400,400,,,\nother,0,0,400,400,,,R1,5,7\nother,0,0,400,400,,,R2,6,8\n",
    )
    bare = recording(shown=(Shown("face", 1.0, 3.0, None),))
    found = placed(bare, read_media_file(path))
    assert found.shown == (
        Shown("face", 1.0, 3.0, Placement(10, 20, 800, 800, 400, 400)),
        Shown("other", 5.0, 7.0, Placement(0, 0, 400, 400, 400, 400)),
    )


def test_times_of_a_media_file_go_before_the_export(tmp_path: Path) -> None:
    path = media_file(
        tmp_path, "medium,left,top,width,height,onset,offset\nface,0,0,400,400,1.5,2\n"
    )
    found = placed(recording(), read_media_file(path))
    assert found.shown == (Shown("face", 1.5, 2.0, Placement(0, 0, 400, 400, 400, 400)),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("medium,left\nface,3\n", "line 2 does not say where face stood"),
        ("name,left\nface,3\n", "no column medium"),
        ("medium,left,top,width,height\nface,1,1,0,5\n", "not above 0"),
        ("medium,left,top,width,height\nface,1,1,x,5\n", "'x' is not a number"),
        ("medium,left,top,width,height,onset,offset\nface,1,1,5,5,3,2\n", "beginning and an end"),
    ],
)
def test_a_wrong_media_file(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read_media_file(media_file(tmp_path, text))
    assert said in caught.value.message


def test_accuracy_at_a_target() -> None:
    time = np.arange(0, 2, 0.01)
    samples = Samples(time, np.full(200, 503.0), np.full(200, 396.0), np.ones(200, bool))
    found = accuracy(recording(samples=samples), "target", 0.5, 1.5, 500, 400)
    assert found is not None
    assert (found.distance, found.right, found.down) == (5.0, 3.0, -4.0)
    assert accuracy(recording(), "target", 0.5, 1.5, 500, 400) is None


def test_photos_by_the_names_of_media() -> None:
    photos = [Path("a/face 1.JPG"), Path("a/face-2.png"), Path("b/face-3.png"), Path("face-3.jpg")]
    found = match_photos(["Face 1.jpg", "face-2", "C:\\media\\face-3.png", "cross"], photos)
    assert found == {
        "Face 1.jpg": photos[0],
        "face-2": photos[1],
        "C:\\media\\face-3.png": photos[2],
    }
    with pytest.raises(UsageError, match=r"b/face-3\.png, face-3\.jpg"):
        match_photos(["face-3"], photos)
