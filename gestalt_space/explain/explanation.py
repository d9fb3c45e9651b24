"""A photo and a line to maps of the face: of this line, and of another one as a check."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal, cast, get_args

from gestalt_space.classifiers.region_ensemble import RegionEnsemble
from gestalt_space.devices import Device
from gestalt_space.encoders.precision import check_torch
from gestalt_space.errors import GraphUnknown, ModelUnsuitable, UsageError
from gestalt_space.explain.face_map import FaceMap, correlation
from gestalt_space.explain.gradients import GRADIENT_FREE, check_captum
from gestalt_space.explain.methods import AUTO, BEST, METHODS, WITHOUT_GRADIENTS, parse_method
from gestalt_space.explain.targets import ClassTarget, LineTarget, direction_to
from gestalt_space.faces.marks import marks_of
from gestalt_space.faces.photos import PhotoLimits, read_photo
from gestalt_space.gallery.pipeline import PhotoSource
from gestalt_space.home import Gallery
from gestalt_space.lazy_value import LazyValue
from gestalt_space.match.line_descriptors import LineDescriptors
from gestalt_space.match.probe import Probe
from gestalt_space.match.question import TEN_DISORDERS, Question
from gestalt_space.types import Face, Pixels
from gestalt_space.weights.store import BUILTIN, BUILTIN_CAUTION

if TYPE_CHECKING:
    from gestalt_space.encoders.differentiable import DifferentiableEncoder

LineBy = Literal["centroid", "nearest"]
"""What stands for a disorder: the mean of its patients, or the photo nearest to the probe."""


@dataclass(frozen=True, eq=False)
class ExplainedLine:
    """A line and its map. `reference`: how the gallery has it; None for a class of a classifier.
    `probability`: by the classifier, None for a line of the gallery."""

    id: str
    name: str
    face_map: FaceMap
    reference: LineDescriptors | None = None
    probability: float | None = None


@dataclass(frozen=True, eq=False)
class Explanation:
    """What in a face speaks for a line.

    `pixels`: the photo, upright; `face`: the one that was used, with its aligned face. `line_by`:
    None for a classifier; `model`: its name, or that of the encoder. `against`: the same of
    another line; None if there is none. `correlation`: Spearman's of both maps over all pixels,
    -1..1.
    """

    photo: str
    pixels: Pixels
    face: Face
    model: str
    method: str
    seed: int
    line: ExplainedLine
    against: ExplainedLine | None
    correlation: float | None
    line_by: LineBy | None = None

    @property
    def cautions(self) -> tuple[str, ...]:
        """What makes the maps less sure, as sentences."""
        marks = marks_of(self.face.landmarks, self.face.quality)
        told = [f"The face is {mark.reason}." for mark in marks]
        return (*told, *([BUILTIN_CAUTION] if self.model == BUILTIN else []))


def parse_line_by(text: str) -> LineBy:
    """What stands for a disorder, by its name. Raises `UsageError`."""
    if text not in get_args(LineBy):
        raise UsageError(f"Unknown value {text!r} for --by.", "Use centroid or nearest.")
    return cast(LineBy, text)


def explain_photo(
    gallery: Gallery,
    source: PhotoSource,
    wanted: str,
    *,
    against: str | None = None,
    line_by: LineBy = "centroid",
    question: Question = TEN_DISORDERS,
    method: str = AUTO,
    seed: int = 0,
) -> Explanation:
    """What in the face of a photo speaks for the disorder `wanted` of the gallery.

    `against`: the disorder of the second map; without one, the highest-ranked other disorder.
    `question`: who of the gallery is left out, beside the photo's own patient and family.
    `method`: one of `METHODS`, or `auto`.
    Nothing is stored. Raises what is wrong with the photo, `NotInGallery` for a disorder without a
    patient who may be compared, `ModelUnsuitable` or `UsageError` for a method by gradients and an
    encoder without, and what `Gallery.probes` raises.
    """
    parse_method(method)
    here = gallery.pinned()
    probe = _probe(here, source)
    encoder, gradients = here.pipeline.encoder, LazyValue(partial(_differentiable, here))
    if method == AUTO:
        method = _best_method(gradients)
    way = METHODS[method].make(seed)

    def explained(of: LineDescriptors) -> ExplainedLine:
        vector = of.nearest if line_by == "nearest" else of.centroid
        target = LineTarget(encoder, direction_to(vector, of.others), gradients)
        return ExplainedLine(of.id, of.name, way.explain(_crop(probe), target), of)

    first = here.line_descriptors(probe, wanted, question)
    other = against or _next_line(here, probe, first.id, question)
    second = None if other is None else here.line_descriptors(probe, other, question)
    _check_other(first.id, None if second is None else second.id)
    one, two = explained(first), None if second is None else explained(second)
    return _explanation(
        here, source, probe, one, two, here.space.model.name, method, seed, line_by=line_by
    )


def explain_class(
    gallery: Gallery,
    source: PhotoSource,
    wanted: str,
    classifier: RegionEnsemble,
    name: str,
    *,
    against: str | None = None,
    method: str = AUTO,
    seed: int = 0,
) -> Explanation:
    """What in the face of a photo speaks for a class of a classifier, whose name is `name`.

    `against`: the class of the second map; without one, the most probable other class. Raises
    `UsageError` for a class that the classifier does not have and a method by gradients, otherwise
    as `explain_photo`.
    """
    method = WITHOUT_GRADIENTS if method == AUTO else parse_method(method)
    way = METHODS[method].make(seed)
    if METHODS[method].by_gradients:
        raise UsageError("A classifier is not explained by gradients.", GRADIENT_FREE)
    classes = classifier.facts.classes
    numbers = {one.id: number for number, one in enumerate(classes)}
    for id_ in (wanted, against):
        if id_ is not None and id_ not in numbers:
            raise UsageError(
                f"The classifier {name} has no class {id_!r}.",
                f"Its classes: {', '.join(numbers)}.",
            )
    here = gallery.pinned()
    probe = _probe(here, source)
    crop = _crop(probe)
    probabilities = classifier.probabilities(crop[None])[0]

    def explained(number: int) -> ExplainedLine:
        face_map = way.explain(crop, ClassTarget(classifier, number))
        probability = float(probabilities[number])
        return ExplainedLine(
            classes[number].id, classes[number].name, face_map, probability=probability
        )

    first = numbers[wanted]
    others = [number for number in probabilities.argsort()[::-1].tolist() if number != first]
    second = others[0] if against is None else numbers[against]
    _check_other(wanted, classes[second].id)
    one, two = explained(first), explained(second)
    return _explanation(here, source, probe, one, two, name, method, seed)


def _probe(gallery: Gallery, source: PhotoSource) -> Probe:
    ((probe,),) = gallery.probes([source])
    if probe.error is not None:
        raise probe.error
    return probe


def _crop(probe: Probe) -> Pixels:
    (seen,) = probe.seen
    assert seen.crop is not None, "a new photo has its aligned face"  # noqa: S101
    return seen.crop


def _next_line(gallery: Gallery, probe: Probe, line: str, question: Question) -> str | None:
    """The highest-ranked disorder but one."""
    _, (match,) = gallery.answer([probe], replace(question, k=2))
    return next((one.id for one in match.lines if one.id != line), None)


def _check_other(line: str, other: str | None) -> None:
    if line == other:
        raise UsageError(
            f"{line} cannot be compared with itself.", "Choose another line for --against."
        )


def _best_method(gradients: Callable[[], DifferentiableEncoder]) -> str:
    try:
        check_captum()
        gradients()
    except ModelUnsuitable:
        return WITHOUT_GRADIENTS
    return BEST


def _differentiable(gallery: Gallery) -> DifferentiableEncoder:
    """The gallery's encoder for gradients. Raises `ModelUnsuitable`."""
    model = gallery.space.model
    check_torch()
    from gestalt_space.encoders.differentiable import open_differentiable

    device: Device = "cuda" if gallery.pipeline.encoder.run.device == "cuda" else "cpu"
    try:
        return open_differentiable(model, device)
    except GraphUnknown as error:
        raise ModelUnsuitable(
            f"The encoder {model.name} runs in ONNX Runtime only, which gives no gradients. "
            f"{error.message}",
            GRADIENT_FREE,
        ) from error


def _explanation(
    gallery: Gallery,
    source: PhotoSource,
    probe: Probe,
    line: ExplainedLine,
    against: ExplainedLine | None,
    model: str,
    method: str,
    seed: int,
    *,
    line_by: LineBy | None = None,
) -> Explanation:
    face = probe.photos[0].face
    assert face is not None, "a probe without an error has a face"  # noqa: S101
    settings = gallery.settings
    limits = PhotoLimits(settings.max_photo_bytes, settings.max_photo_pixels)
    return Explanation(
        photo=probe.name,
        pixels=read_photo(source.data, name=source.name, limits=limits).pixels,
        face=replace(face, crop=_crop(probe)),
        model=model,
        method=method,
        seed=seed,
        line=line,
        against=against,
        correlation=None if against is None else correlation(line.face_map, against.face_map),
        line_by=line_by,
    )
