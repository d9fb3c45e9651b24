"""The demo's page: who was asked about, how the disorders ranked, and what the space looks like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from gestalt_space.cohort.projection import PERPLEXITY
from gestalt_space.demo.run import GENERATOR
from gestalt_space.demo.shown import (
    MATRIX_PHOTOS,
    SHOWN_STRENGTH,
    Matrix,
    Neighbour,
    PhotoMap,
    disorders_of,
    faces_with_terms,
    largest_disorders,
    nearest_patients,
    photo_map,
    sample_matrix,
)
from gestalt_space.demo.trial import Trial
from gestalt_space.faces.photos import read_photo
from gestalt_space.figures.heat_map import Bar, HeatMap, heat_map_figure
from gestalt_space.figures.keys import Palette
from gestalt_space.figures.point_maps import PointMap
from gestalt_space.match.answer import MatchLine
from gestalt_space.pages.environment import render
from gestalt_space.pages.pictures import Drawings, EmbeddedPicture, picture
from gestalt_space.pages.point_map import ColumnMap, column_map
from gestalt_space.simulate.persons import Persons
from gestalt_space.simulate.phenotypes import TERMS
from gestalt_space.simulate.published_cases import SIMULATED_FACE
from gestalt_space.types import PhotoRecord

SHOWN_DISORDERS = 10
SHOWN_FACES = 8


@dataclass(frozen=True)
class _Line:
    """A line of the ranking. `shared`: planted phenotypes that the disorder has, too."""

    rank: int
    name: str
    id: str
    similarity: float
    patient: str
    face: EmbeddedPicture
    shared: int
    is_true: bool


def demo_page(trial: Trial, cohort: Path, persons: Persons, steps: Sequence[str]) -> str:
    """The page as HTML. `cohort`: the folder with the photos; `steps`: commands to try next."""
    probe = trial.shown
    assert probe.encoded is not None, "the probe that is shown has a face"  # noqa: S101
    true = probe.record.disorders[0].id
    patient = trial.patient(probe.record.patient)
    strengths, case = patient.strengths, patient.case
    neighbours = nearest_patients(trial, probe)
    first = probe.match.lines[:SHOWN_DISORDERS]
    after = [line for line in probe.match.lines[SHOWN_DISORDERS:] if line.id == true]
    matrix, on_map = sample_matrix(trial), photo_map(trial)
    drawings, palette = Drawings(), Palette()
    return render(
        "demo.html",
        maker=GENERATOR,
        scripts=("pointing.js", "point_map.js"),
        trial=trial,
        plan=trial.cohort.plan,
        held=len(trial.held_back),
        fingerprint=trial.space.fingerprint[:12],
        failed_probes=sum(one.encoded is None for one in trial.probes),
        probe=probe,
        who=_who(probe.record),
        case=case,
        photo_words="Simulated photo" if case is None else SIMULATED_FACE.capitalize(),
        disorder=trial.disorder(true),
        photo=picture(read_photo(cohort / probe.record.photo).pixels),
        crop=picture(probe.encoded.crop),
        planted=sorted(strengths.items(), key=lambda item: -item[1]),
        strongest=max(5.0, *strengths.values()),
        terms=TERMS,
        lines=[_line(trial, line, neighbours) for line in (*first, *after)],
        listed=len(first),
        is_lower=bool(after),
        neighbours=[(one, picture(one.photo.crop)) for one in neighbours[:SHOWN_FACES]],
        half_width=1 / len(trial.held_back) ** 0.5,
        matrix=matrix,
        matrix_disorders=len(set(disorders_of(matrix.photos).tolist())),
        matrix_photos=MATRIX_PHOTOS,
        matrix_svg=_matrix(matrix, palette, drawings),
        on_map=on_map,
        perplexity=PERPLEXITY,
        map=_map(trial, on_map, palette, drawings),
        words=_words(trial, on_map),
        faces=[(term, picture(pixels)) for term, pixels in faces_with_terms(persons)],
        strength=SHOWN_STRENGTH,
        steps=steps,
    )


def _line(trial: Trial, line: MatchLine, neighbours: Sequence[Neighbour]) -> _Line:
    record = trial.shown.record
    terms = {feature.term for feature in trial.disorder(line.id).features}
    near = next(one for one in neighbours if one.patient == line.patient)
    return _Line(
        rank=line.rank,
        name=line.name,
        id=line.id,
        similarity=line.similarity,
        patient=line.patient,
        face=picture(near.photo.crop),
        shared=len(terms & set(trial.patient(record.patient).strengths)),
        is_true=line.id == record.disorders[0].id,
    )


def _who(record: PhotoRecord) -> str:
    age = "" if record.age is None else f"{record.age:.0f} years"
    return ", ".join(filter(None, (record.sex, age, record.ancestry)))


def _matrix(of: Matrix, palette: Palette, drawings: Drawings) -> Markup:
    ids = disorders_of(of.photos)
    key = palette.key("disorder", ids)
    groups = key.groups(ids)
    heat = HeatMap(
        values=of.similarities,
        rows=[f"{photo.record.patient} ({id_})" for photo, id_ in zip(of.photos, ids, strict=True)],
        columns=None,
        bars=[Bar(key, groups, groups)],
        unit="similarity",
    )
    alt = f"Similarity matrix of {len(of.photos)} photos, sorted by disorder"
    return drawings.add(heat_map_figure(heat, ""), alt)


def _map(trial: Trial, of: PhotoMap, palette: Palette, drawings: Drawings) -> ColumnMap:
    largest = largest_disorders(trial)
    ids = disorders_of(of.photos)
    key = palette.key("disorder", ids)
    probe = f"the probe, {trial.shown.record.patient}"
    points = PointMap(of.places, key, key.groups(ids), of.is_probe, ring_words=probe)
    alt = f"Map of {len(ids)} photos; the {len(largest)} largest disorders are coloured"
    return column_map("disorder", points, drawings, alt)


def _words(trial: Trial, of: PhotoMap) -> list[str]:
    """What is said of each photo of the map."""
    names = [f"{one.record.patient}, {one.record.disorders[0].id}" for one in of.photos]
    stored = len(trial.gallery)
    return [*names[:stored], *(f"{name}, held back" for name in names[stored:])]
