"""Recordings → trials on faces: one reader looks at one photo, in the photo's pixels and in those
of the aligned face."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import TableDamaged, UsageError
from gestalt_space.faces.regions import region_at
from gestalt_space.gaze.fixations import FixationPlan, find_fixations
from gestalt_space.gaze.importing.export import Export, LeftOut
from gestalt_space.gaze.photos import SeenPhoto
from gestalt_space.gaze.placement import (
    STRETCHED,
    check_placement,
    in_photo,
    stretched_by,
    to_photo,
)
from gestalt_space.gaze.quality import (
    Quality,
    Rules,
    readers_left_out,
    trial_quality,
    why_left_out,
)
from gestalt_space.gaze.types import Fixations, Floats, Placement, Recording, Shown, Trial

Source: TypeAlias = Literal["tracker", "samples"]


@dataclass(frozen=True)
class FaceTrial:
    """A trial on a face. `number`: of the medium in its recording, from 1; `x`, `y` `(n,)`: the
    fixations' centres in pixels of the aligned face; `region` `(n,)`: numbers in `REGIONS`;
    `quality`: None where it was read from a table."""

    trial: Trial
    recording: str
    number: int
    x: Floats
    y: Floats
    region: NDArray[np.int64]
    quality: Quality | None = None


@dataclass(frozen=True)
class FaceTrials:
    """Trials that are used, and what is not. `source`: whether fixations are the tracker's own or
    were found in its samples; `without_photo`: media of which there is no photo; `begun_before`,
    `off_photo`: fixations that are left out, since they began before their medium or are off the
    photo."""

    trials: tuple[FaceTrial, ...]
    left_out: tuple[LeftOut, ...]
    source: Source
    without_photo: tuple[str, ...]
    begun_before: int
    off_photo: int
    notes: tuple[str, ...]


def check_media(recordings: Sequence[Recording]) -> None:
    """Raise where media cannot be told apart or placed: `TableDamaged` for two photos of one name
    and for a medium without a place."""
    sizes: dict[str, tuple[int, int]] = {}
    unplaced: dict[str, None] = {}
    for shown in (one for recording in recordings for one in recording.shown):
        placement = shown.placement
        if placement is None:
            unplaced[shown.medium] = None
            continue
        check_placement(shown.medium, placement)
        size = placement.photo_width, placement.photo_height
        before = sizes.setdefault(shown.medium, size)
        if before != size:
            raise TableDamaged(
                f"Two media have the name {shown.medium}: one of {before[0]} × {before[1]} pixels, "
                f"one of {size[0]} × {size[1]}.",
                "Rename one of them. If it is one photo that was shown in two sizes, export the "
                "Original Media width and height, too.",
            )
    if unplaced:
        listed = ", ".join([*unplaced][:10])
        raise TableDamaged(
            f"Nothing says where these media stood on the screen: {listed}.",
            "Add Presented Media position, width and height to the export, or give --media FILE "
            "with the columns medium, left, top, width, height.",
        )


def fixation_source(recordings: Sequence[Recording], asked: str) -> Source:
    """Whose fixations are used: those of the tracker where all recordings have them, or as asked.
    Raises `UsageError` where the recordings do not have what is asked for."""
    own = all(one.fixations is not None for one in recordings)
    sampled = all(one.samples is not None for one in recordings)
    if asked == "tracker" or (asked == "auto" and own):
        if not own:
            raise UsageError(
                "The export has no fixations of the eye tracker.",
                "Find them: leave out --fixations.",
            )
        return "tracker"
    if not sampled:
        raise UsageError(
            "The export has no samples to find fixations in.", "Use --fixations tracker."
        )
    return "samples"


def face_trials(
    export: Export,
    photos: Mapping[str, SeenPhoto],
    plan: FixationPlan,
    rules: Rules,
    fixations: str = "auto",
) -> FaceTrials:
    """The trials of all recordings on photos. `fixations`: `auto`, `tracker`, or a method of
    `FixationPlan`. A medium without a photo is passed over. Raises `TableDamaged`, `UsageError`."""
    shown = [one for recording in export.recordings for one in recording.shown]
    kept = [
        replace(one, shown=tuple(part for part in one.shown if part.medium in photos))
        for one in export.recordings
    ]
    check_media(kept)
    source = fixation_source(export.recordings, fixations)
    cutting = _Cutting(photos, plan, rules, source)
    for recording, whole in zip(kept, export.recordings, strict=True):
        cutting.add(recording, whole)
    left_out = [*(one for one in export.left_out if one.medium in ("", *photos)), *cutting.left_out]
    trials = cutting.trials
    away = readers_left_out([one.trial.reader for one in trials], left_out, rules)
    left_out += [LeftOut(reader, "", "", reason) for reader, reason in away.items()]
    return FaceTrials(
        tuple(one for one in trials if one.trial.reader not in away),
        tuple(left_out),
        source,
        tuple(dict.fromkeys(one.medium for one in shown if one.medium not in photos)),
        cutting.begun_before,
        cutting.off_photo,
        tuple(cutting.notes),
    )


class _Cutting:
    """Cuts recordings into trials, and counts what is left out."""

    def __init__(
        self,
        photos: Mapping[str, SeenPhoto],
        plan: FixationPlan,
        rules: Rules,
        source: Source,
    ) -> None:
        self.photos, self.plan, self.rules, self.source = photos, plan, rules, source
        self.trials: list[FaceTrial] = []
        self.left_out: list[LeftOut] = []
        self.notes: dict[str, None] = {}
        self.begun_before = self.off_photo = 0

    def add(self, recording: Recording, whole: Recording) -> None:
        """The trials of a recording. `whole`: with what was shown beside photos."""
        numbers = {id(one): number for number, one in enumerate(whole.shown, start=1)}
        fixations = self._fixations(recording)
        for shown in recording.shown:
            photo, placement = self.photos[shown.medium], shown.placement
            assert placement is not None  # noqa: S101 - checked
            if reason := self._unusable(shown.medium, photo, placement):
                self.left_out.append(
                    LeftOut(recording.reader, recording.name, shown.medium, reason)
                )
                continue
            trial = self._trial(recording, shown, placement, photo, fixations)
            if trial is not None:
                self.trials.append(replace(trial, number=numbers[id(shown)]))

    def _fixations(self, recording: Recording) -> Fixations:
        if self.source == "tracker":
            assert recording.fixations is not None  # noqa: S101 - checked
            return recording.fixations
        assert recording.samples is not None  # noqa: S101
        return find_fixations(recording.samples, recording.rate or 1.0, self.plan)

    def _unusable(self, medium: str, photo: SeenPhoto, placement: Placement) -> str:
        """Why nothing on this photo can be used; empty where it can."""
        if photo.matrix is None:
            return f"the photo has no usable face: {photo.reason.rstrip('.')}"
        shape = placement.photo_width / placement.photo_height
        if abs(shape / (photo.width / photo.height) - 1) > STRETCHED:
            return (
                f"the photo that was shown is {placement.photo_width} × {placement.photo_height} "
                f"pixels, {photo.path.name} is {photo.width} × {photo.height}"
            )
        if abs(by := stretched_by(placement)) > STRETCHED:
            self.notes[f"{medium} was shown stretched by {by:+.0%} in its width."] = None
        return ""

    def _trial(
        self,
        recording: Recording,
        shown: Shown,
        placement: Placement,
        photo: SeenPhoto,
        fixations: Fixations,
    ) -> FaceTrial | None:
        start, end = fixations.start, fixations.start + fixations.duration
        self.begun_before += int(((start < shown.onset) & (end > shown.onset)).sum())
        x, y = to_photo(placement, fixations.x, fixations.y)
        here = (start >= shown.onset) & (start < shown.offset)
        on = here & in_photo(placement, x, y)
        quality = trial_quality(recording, fixations, shown.onset, shown.offset, placement)
        if reason := why_left_out(quality, int(on.sum()), self.rules):
            self.left_out.append(LeftOut(recording.reader, recording.name, shown.medium, reason))
            return None
        self.off_photo += int(here.sum() - on.sum())
        scale = photo.width / placement.photo_width, photo.height / placement.photo_height
        found = Fixations(
            start[on] - shown.onset,
            np.minimum(end[on], shown.offset) - start[on],
            x[on] * scale[0],
            y[on] * scale[1],
        )
        aligned = photo.aligned(found.x, found.y)
        trial = Trial(recording.reader, shown.medium, shown.offset - shown.onset, found)
        return FaceTrial(trial, recording.name, 0, *aligned, region_at(*aligned), quality)
