"""`gestalt gaze`: what an export of an eye tracker has, what became of it, and where and when
readers looked."""

from __future__ import annotations

from typing import Literal

from gestalt_space.documents.form import Form


class GazeColumnForm(Form):
    """A quantity that was read, and the heading or name of its column."""

    what: str
    heading: str


class GazeRecordingForm(Form):
    """A recording. `rate`: samples a second, and `samples`: their number, null where the export has
    none; `lost`: share of the samples without gaze; `fixations`: the tracker's own, null where it
    exported none."""

    reader: str
    recording: str
    media: int
    rate: float | None
    samples: int | None
    lost: float | None
    fixations: int | None


class GazeLeftOutForm(Form):
    """What is not used. `recording`, `medium`: empty where it is the whole reader or recording."""

    reader: str
    recording: str
    medium: str
    reason: str


class GazeMediumForm(Form):
    """A medium. `left`, `top`, `width`, `height`: its places on the screen, the first one it had,
    and `photo_width`, `photo_height`: the photo's size as the export says it; null where nothing
    says it. `places`: how many different ones it had. `shown`: how often."""

    medium: str
    shown: int
    places: int
    left: float | None
    top: float | None
    width: float | None
    height: float | None
    photo_width: int | None
    photo_height: int | None


class GazeAccuracyForm(Form):
    """How far the median gaze was from a calibration target, in pixels of the screen."""

    reader: str
    recording: str
    target: str
    distance: float
    right: float
    down: float


class GazeQualityForm(Form):
    """Medians over the trials that are used. `loss`: share of the samples; `rms`, `sd`: precision
    in pixels of the screen; null without samples. `outside`: share of the gaze off the photo."""

    loss: float | None
    rms: float | None
    sd: float | None
    outside: float | None


class GazeCheckDocument(Form):
    """What an export has. `rows`: of its tables."""

    document: Literal["gaze-check"]
    version: Literal[1]
    format: str
    rows: int
    columns: list[GazeColumnForm]
    recordings: list[GazeRecordingForm]
    media: list[GazeMediumForm]
    without_photo: list[str]
    left_out: list[GazeLeftOutForm]
    notes: list[str]


class GazeImportDocument(Form):
    """What became of an export. `source`: whose fixations they are; `method`: how they were found,
    empty for the tracker's own; `rules`: when trials and readers are left out; `without_photo`:
    media without a photo; `begun_before`, `off_photo`: fixations that are not used, since they
    began before their medium, or are off the photo."""

    document: Literal["gaze-import"]
    version: Literal[1]
    output: str
    format: str
    rows: int
    columns: list[GazeColumnForm]
    source: Literal["tracker", "samples"]
    method: str
    rules: str
    readers: int
    media: int
    trials: int
    fixations: int
    begun_before: int
    off_photo: int
    quality: GazeQualityForm
    accuracy: list[GazeAccuracyForm]
    left_out: list[GazeLeftOutForm]
    without_photo: list[str]
    notes: list[str]


class GazeEstimateForm(Form):
    """A mean over readers with its 95 % interval; null where it cannot be known."""

    mean: float | None
    low: float | None
    high: float | None


class GazeAreaForm(Form):
    """An area. `dwell`: seconds a trial; `share`: of the time of fixations; `looked`: share of the
    trials in which it was looked at; `first`: seconds to the first look, `order`: its place among
    the areas, of those trials."""

    area: str
    dwell: GazeEstimateForm
    share: GazeEstimateForm
    looked: GazeEstimateForm
    first: GazeEstimateForm
    order: GazeEstimateForm


class GazeBinForm(Form):
    """Shares of a bin that an area was looked at. `begin`: seconds from the medium's onset."""

    begin: float
    area: str
    share: GazeEstimateForm


class GazeTransitionForm(Form):
    """The share of the ways from one area that led to another one."""

    from_area: str
    to_area: str
    share: GazeEstimateForm


class GazeAreasDocument(Form):
    """Where and when readers looked. `priority`: the areas, the first one before the others where
    they overlap; `bin`: seconds."""

    document: Literal["gaze-areas"]
    version: Literal[1]
    readers: int
    media: int
    trials: int
    fixations: int
    priority: list[str]
    areas: list[GazeAreaForm]
    bin: float
    time_course: list[GazeBinForm]
    transitions: list[GazeTransitionForm]
