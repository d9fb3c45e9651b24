"""The demo's report: one page with what was asked, what came, and what the space looks like."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gestalt_space import __version__
from gestalt_space.cohort.projection import PERPLEXITY, lay_out
from gestalt_space.demo.trial import EncodedPhoto, HeldBack, Trial
from gestalt_space.faces.photos import read_photo
from gestalt_space.match.answer import MatchLine
from gestalt_space.report.figures import Run, colour_scale, heat_map, map_key, point_map
from gestalt_space.report.html import (
    Markup,
    bar,
    bullets,
    element,
    figure,
    join,
    page,
    paragraph,
    picture,
    section,
    table,
)
from gestalt_space.simulate.persons import Persons, Portrait
from gestalt_space.simulate.phenotypes import TERMS, show
from gestalt_space.types import Descriptors

GENERATOR = "gestalt-space demo"
"""Stands at the beginning of every report, by which an earlier demo is known."""
SHOWN_DISORDERS = 10
SHOWN_FACES = 8
MATRIX_DISORDERS = 12
MATRIX_PHOTOS = 8
"""Photos of each disorder in the matrix, at most: more, and a photo is less than a pixel high."""
MAP_COLOURS = 10
SHOWN_TERMS = (
    *("HP:0000316", "HP:0000664", "HP:0000582"),
    *("HP:0000343", "HP:0000445", "HP:0000154", "HP:0000347"),
)
SHOWN_STRENGTH = 3.0
SHOWN_PERSON = 11
"""Seed of the person who shows the terms."""


def trial_page(trial: Trial, cohort: Path, persons: Persons, steps: Sequence[str]) -> str:
    """The report as HTML. `cohort`: the folder with the photos; `steps`: commands to try next."""
    return page(
        "gestalt demo: patients who do not exist",
        *_opening(trial),
        _asked(trial, cohort),
        _ranking(trial),
        _nearest_faces(trial),
        _all_probes(trial),
        _matrix(trial),
        _map(trial),
        _phenotypes(persons),
        _next(steps),
        element(
            "footer",
            paragraph(
                f"Made by gestalt-space {__version__}. A research tool, not a medical device: "
                "similarity of faces is not a diagnosis.",
                class_="faint",
            ),
        ),
        generator=f"{GENERATOR} {__version__}",
    )


def _opening(trial: Trial) -> list[Markup]:
    plan = trial.cohort.plan
    held = len(trial.held_back)
    return [
        element("h1", "Ranking disorders from faces, on patients who do not exist"),
        paragraph(
            f"{len(trial.cohort.patients)} patients with {len(trial.cohort.disorders)} disorders "
            f"were simulated. Photos of {trial.patient_count} of them were put into a gallery; the "
            f"other {held} were held back, and their photos were matched against it: which "
            "disorder has a patient who looks most like this one?",
            class_="lead",
        ),
        element(
            "div",
            element("strong", "Nobody on this page exists, and neither do the disorders. "),
            "The faces are drawn from a statistical model, the phenotypes are planted in them, and "
            "how well this works says nothing about real patients. gestalt-space is a research "
            "tool, not a medical device.",
            class_="note",
            role="note",
        ),
        _facts(
            ("Gallery", f"{trial.patient_count} patients, {len(trial.gallery)} photos"),
            ("Held back", f"{held} patients, {len(trial.probes)} photos"),
            ("Disorders", f"{trial.disorder_count}, of {plan.difficulty} difficulty"),
            ("Seed", str(plan.seed)),
            ("Encoder", trial.space.model.name),
            ("Space", trial.space.fingerprint[:12]),
            ("Detector", trial.detector),
            ("No face found", f"{trial.failed + _failed(trial)} photos"),
        ),
    ]


def _asked(trial: Trial, cohort: Path) -> Markup:
    probe = trial.shown
    assert probe.encoded is not None, "the probe that is shown has a face"  # noqa: S101
    record = probe.record
    patient = trial.patient(record.patient)
    photo = read_photo(cohort / record.photo)
    strengths = sorted(patient.strengths.items(), key=lambda item: -item[1])
    strongest = max(5.0, *patient.strengths.values())
    rows = [
        (
            join(TERMS[term].label, element("small", term)),
            bar(strength / strongest, f"{strength:.1f} SD"),
        )
        for term, strength in strengths
    ]
    who = ", ".join(filter(None, (record.sex, _age(record.age), record.ancestry)))
    return section(
        "Who is asked about",
        paragraph(
            f"Patient {record.patient}, held back: the first of those by identifier, whatever came "
            f"of the match. The true disorder is {_title(trial, record.disorders[0].id)}."
        ),
        element(
            "div",
            figure(
                picture(photo.pixels, f"Simulated photo of patient {record.patient}"),
                f"The photo ({who})",
            ),
            figure(
                picture(probe.encoded.crop, "The face of the photo, aligned"),
                "Its aligned face: all that the encoder sees",
            ),
            element(
                "div",
                table(
                    ("Planted phenotype", "Strength"),
                    rows,
                    caption="What was planted in this face, in standard deviations",
                ),
                class_="grows",
            ),
            class_="beside",
        ),
    )


def _ranking(trial: Trial) -> Markup:
    probe = trial.shown
    true = probe.record.disorders[0].id
    lines = list(probe.match.lines[:SHOWN_DISORDERS])
    after = [line for line in probe.match.lines[SHOWN_DISORDERS:] if line.id == true]
    planted = set(trial.patient(probe.record.patient).strengths)
    rows = [_ranking_row(trial, probe, line, planted, line.id == true) for line in lines + after]
    marked = [number for number, line in enumerate(lines + after) if line.id == true]
    return section(
        "The ranking",
        paragraph(
            "Each disorder stands where its nearest patient stands. Similarity is the cosine of "
            "the two faces' descriptors, from −1 to 1, higher is closer; it is not a probability."
        ),
        table(
            ("Rank", "Disorder", "Similarity", "Nearest patient"),
            rows,
            caption=f"{len(lines)} nearest of {len(probe.match.lines)} disorders"
            + (f", and the true one at rank {probe.rank}" if after else ""),
            numbers=("Rank",),
            marked=marked,
        ),
    )


def _ranking_row(
    trial: Trial, probe: HeldBack, line: MatchLine, planted: set[str], is_true: bool
) -> tuple[str, ...]:
    terms = {feature.term for feature in trial.disorder(line.id).features}
    near = _nearest_photo(trial, probe, line.patient)
    return (
        str(line.rank),
        join(
            line.name,
            *[element("span", " ← the true one", class_="true")] * is_true,
            element(
                "small", f"{line.id}, shares {len(terms & planted)} of {len(planted)} phenotypes"
            ),
        ),
        bar(line.similarity, f"{line.similarity:.3f}"),
        element(
            "span",
            picture(near.crop, f"Face of patient {line.patient}"),
            element("span", line.patient),
            class_="who",
        ),
    )


def _nearest_faces(trial: Trial) -> Markup:
    probe = trial.shown
    assert probe.encoded is not None, "the probe that is shown has a face"  # noqa: S101
    true = probe.record.disorders[0].id
    similarities = _stack(trial.gallery) @ probe.encoded.descriptor
    nearest: dict[str, int] = {}
    for row in np.argsort(-similarities, kind="stable"):
        nearest.setdefault(trial.gallery[row].record.patient, int(row))
    faces = []
    for patient, row in list(nearest.items())[:SHOWN_FACES]:
        photo = trial.gallery[row]
        id_ = photo.record.disorders[0].id
        faces.append(
            figure(
                picture(photo.crop, f"Face of patient {patient}, who has {id_}"),
                element("strong", f"{similarities[row]:.3f}"),
                element("br"),
                patient,
                element("br"),
                id_,
                *[element("br"), element("span", "the true one", class_="true")] * (id_ == true),
                class_="marked" if id_ == true else None,
            )
        )
    return section(
        "The nearest patients",
        paragraph(
            "The patients of the gallery who look most alike to the encoder, whatever they have. "
            "Age, sex, ancestry, hair and light go into the similarity, too."
        ),
        element("div", *faces, class_="faces"),
    )


def _all_probes(trial: Trial) -> Markup:
    rows = [
        (
            f"top {top.k}",
            f"{top.hits} of {top.probes}",
            bar(top.share, f"{top.share:.1%}"),
            f"{top.chance:.1%}",
        )
        for top in trial.top()
    ]
    failed = _failed(trial)
    return section(
        "How often the true disorder is found",
        paragraph(
            f"Every photo of the {len(trial.held_back)} patients held back is asked about by "
            "itself. Top k counts the photos whose true disorder is among the first k disorders; "
            f"chance is what drawing k of the {trial.disorder_count} disorders would give."
            + (f" In {failed} photos no face was found: they count as not found." * bool(failed))
        ),
        table(
            ("Among the first", "Photos", "Share", "By chance"),
            rows,
            caption=f"{len(trial.probes)} photos of {len(trial.held_back)} patients: few, so that "
            f"luck easily moves a share by {100 / len(trial.held_back) ** 0.5:.0f} points",
            numbers=("Photos", "By chance"),
        ),
    )


def _matrix(trial: Trial) -> Markup:
    chosen = [photo for id_ in _largest(trial, MATRIX_DISORDERS) for photo in _some(trial, id_)]
    ids = [photo.record.disorders[0].id for photo in chosen]
    patients = np.array([photo.record.patient for photo in chosen])
    descriptors = _stack(chosen)
    similarities = descriptors @ descriptors.T
    others = patients[:, None] != patients
    same = np.array(ids)[:, None] == np.array(ids)
    low, high = np.quantile(similarities[others], (0.02, 0.995)) if others.any() else (-1, 1)
    within, between = (_mean(similarities[others & which]) for which in (same, ~same))
    runs = [Run(id_.removeprefix("SIM:"), ids.count(id_)) for id_ in dict.fromkeys(ids)]
    return section(
        "Everybody against everybody",
        paragraph(
            f"Photos of the {len(runs)} disorders with the most photos in the gallery, at most "
            f"{MATRIX_PHOTOS} each. Where a disorder has a look of its own, its square on the "
            "diagonal is brighter than its row; small bright squares are photos of one patient. In "
            f"the mean, two patients have a similarity of {within} with the same disorder, and of "
            f"{between} with different ones."
        ),
        figure(
            join(
                heat_map(
                    similarities,
                    runs,
                    low=float(low),
                    high=float(high),
                    alt=f"Similarity matrix of {len(chosen)} photos, sorted by disorder",
                ),
                colour_scale(float(low), float(high), "similarity"),
            ),
            "Each row and column is a photo; numbers are those of the disorders (SIM:…). Colours "
            "end at the values that 2 % of the pairs of patients lie below and 0.5 % above.",
        ),
    )


def _map(trial: Trial) -> Markup:
    probes = [probe.encoded for probe in trial.probes if probe.encoded is not None]
    photos = [*trial.gallery, *probes]
    largest = _largest(trial, MAP_COLOURS)
    ids = [photo.record.disorders[0].id for photo in photos]
    shown = next(row for row, photo in enumerate(photos) if photo is trial.shown.encoded)
    places = lay_out(_stack(photos), seed=trial.cohort.plan.seed)
    titles = [
        f"{photo.record.patient}, {id_}" + (", held back" * (row >= len(trial.gallery)))
        for row, (photo, id_) in enumerate(zip(photos, ids, strict=True))
    ]
    return section(
        "A map of the space",
        paragraph(
            f"All {len(photos)} photos, laid out so that neighbours stay neighbours (t-SNE with "
            f"cosine distance, perplexity {PERPLEXITY:.0f}). Distances between groups, and how "
            "large a group is, mean nothing."
        ),
        figure(
            element(
                "div",
                point_map(
                    places,
                    [largest.index(id_) if id_ in largest else None for id_ in ids],
                    titles,
                    marked=[shown],
                    alt=f"Map of {len(photos)} photos; the largest disorders are coloured",
                ),
                map_key(
                    [f"{id_} ({ids.count(id_)})" for id_ in largest],
                    others="other disorders",
                    marked=f"the probe, {trial.shown.record.patient}",
                ),
                class_="beside",
            ),
            "The disorders with the most photos in colour, with their number of photos.",
        ),
    )


def _phenotypes(persons: Persons) -> Markup:
    person = persons.sample(np.random.default_rng(SHOWN_PERSON), sex="female", age_years=9)
    portrait = persons.portrait(person, np.random.default_rng(SHOWN_PERSON))
    faces = [figure(picture(portrait.pixels, "A simulated face"), "without")]
    faces += [_with_term(portrait, term) for term in SHOWN_TERMS]
    return section(
        "What is planted",
        paragraph(
            "A disorder is a set of terms of the Human Phenotype Ontology, and each is a change of "
            f"the face. Here is one face without, and with single terms at {SHOWN_STRENGTH:g} "
            "standard deviations, which is more than most patients of this cohort have. ",
            element("code", "gestalt simulate terms"),
            " lists all.",
        ),
        element("div", *faces, class_="faces terms"),
    )


def _with_term(portrait: Portrait, id_: str) -> Markup:
    changed = show(portrait, {id_: SHOWN_STRENGTH})
    label = TERMS[id_].label
    return figure(
        picture(changed.pixels, f"The same face with {label.lower()}"),
        label,
        element("br"),
        element("small", id_),
    )


def _next(steps: Sequence[str]) -> Markup:
    return section(
        "What to try next",
        paragraph("Ask about the same photo again, or simulate a cohort of your own:"),
        element("pre", element("code", "\n".join(steps))),
        bullets(
            [
                "docs/tutorial.md goes from nothing to a ranked list with photos of your own.",
                "docs/how-it-works.md says what a descriptor, a space and a gallery are.",
            ]
        ),
    )


def _facts(*facts: tuple[str, str]) -> Markup:
    entries = [element("div", element("dt", name), element("dd", value)) for name, value in facts]
    return element("dl", *entries, class_="facts")


def _mean(values: NDArray[np.float32]) -> str:
    return f"{values.mean():.3f}" if len(values) else "(no such pair)"


def _title(trial: Trial, id_: str) -> str:
    return f"{trial.disorder(id_).name} ({id_})"


def _age(years: float | None) -> str:
    return "" if years is None else f"{years:.0f} years"


def _failed(trial: Trial) -> int:
    """Photos of those held back in which no face was found."""
    return sum(probe.encoded is None for probe in trial.probes)


def _stack(photos: Sequence[EncodedPhoto]) -> Descriptors:
    return np.stack([photo.descriptor for photo in photos])


def _nearest_photo(trial: Trial, probe: HeldBack, patient: str) -> EncodedPhoto:
    """The photo of a patient of the gallery that the probe is nearest to."""
    assert probe.encoded is not None, "only photos with a face are ranked"  # noqa: S101
    theirs = [photo for photo in trial.gallery if photo.record.patient == patient]
    return theirs[int(np.argmax(_stack(theirs) @ probe.encoded.descriptor))]


def _largest(trial: Trial, count: int) -> list[str]:
    """Disorders with the most photos in the gallery, ties by identifier."""
    sizes: dict[str, int] = {}
    for photo in trial.gallery:
        id_ = photo.record.disorders[0].id
        sizes[id_] = sizes.get(id_, 0) + 1
    return sorted(sizes, key=lambda id_: (-sizes[id_], id_))[:count]


def _some(trial: Trial, disorder: str) -> list[EncodedPhoto]:
    """Photos of a disorder for the matrix, by patient."""
    theirs = [photo for photo in trial.gallery if photo.record.disorders[0].id == disorder]
    theirs.sort(key=lambda photo: (photo.record.patient, photo.record.photo))
    return theirs[:MATRIX_PHOTOS]
