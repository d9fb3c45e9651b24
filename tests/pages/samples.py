"""All pages, of patients who do not exist, with names of one's choice in every field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from gestalt_space.cohort.clusters import cluster
from gestalt_space.cohort.cohort_matrix import measure
from gestalt_space.cohort.composite import Composite
from gestalt_space.cohort.mapping import lay_map
from gestalt_space.cohort.report import CohortReport, ReportPlan
from gestalt_space.cohort.selection import Selection
from gestalt_space.cohort.shown_map import shown_map
from gestalt_space.demo.trial import EncodedPhoto, HeldBack, Trial
from gestalt_space.evaluation.gallery_results import EvaluationPlan, GalleryEvaluation
from gestalt_space.evaluation.own_gallery import evaluate_gallery
from gestalt_space.match.answer import Match, MatchLine
from gestalt_space.pages.cohort_report import cohort_report_page
from gestalt_space.pages.demo import demo_page
from gestalt_space.pages.evaluation import evaluation_page
from gestalt_space.pages.explanation import explanation_page
from gestalt_space.pages.heat_map import matrix_page
from gestalt_space.pages.point_map import map_page
from gestalt_space.simulate.disorders import Feature, SimulatedDisorder
from gestalt_space.simulate.persons import Persons
from gestalt_space.stats.resampling import Bootstrap
from gestalt_space.types import Disorder, PhotoRecord
from tests import made
from tests.cohort.selections import QUICK, planted
from tests.evaluation.made_data import random_data
from tests.explain.made_explanations import explanation

Name = Callable[[str], str]
"""What a thing is called, by its plain name."""


def plain(name: str) -> str:
    return name


def selection(name: Name = plain) -> Selection:
    """24 patients with three disorders, from two cohorts."""
    of = planted(disorders=3, each=8, strength=2.0)
    disorders = [tuple(name(one) for one in ids) for ids in of.disorders]
    people = of.people

    def named(values: np.ndarray) -> np.ndarray:
        return np.array([name(str(value)) for value in values], dtype=np.str_)

    return replace(
        of,
        patients=tuple(name(patient) for patient in of.patients),
        stored_as=tuple(name(patient) for patient in of.patients),
        photos=named(of.photos),
        sites=named(np.full(len(of), "site")),
        people=replace(
            people,
            sex=named(people.sex),
            ancestry=named(np.full(len(people.sex), "here")),
            cohort=named(people.cohort),
        ),
        disorders=tuple(disorders),
        genes=tuple((name("KMT2D"),) for _ in of.patients),
        names={one: f"{name('disorder')} {one}" for ids in disorders for one in ids},
        space=name("tiny"),
        source=name("all patients"),
    )


def report(name: Name = plain) -> CohortReport:
    """A report with a composite, without cohesion and comparison."""
    of = selection(name)
    return CohortReport(
        selection=of,
        matrix=measure(of, unit="patient"),
        cohesion=None,
        comparison=None,
        clustering=cluster(of, QUICK),
        map=lay_map(of, "pca"),
        composites=((name("everybody"), Composite(made.crop(1), (38.0, 74.0), 8, 8, 8, 0, False)),),
        left_out=(f"Cohesion: {name('too few')}",),
        plan=ReportPlan(composites=True),
    )


def evaluation(name: Name = plain) -> GalleryEvaluation:
    """Two spaces, with controls."""
    data = random_data(1)
    facts = data.facts
    data = replace(
        data,
        space=name("made"),
        titles=tuple((name(id_), name(title)) for id_, title in data.titles),
        facts=replace(facts, ancestry=np.array([name(str(one)) for one in facts.ancestry])),
    )
    plan = EvaluationPlan(bootstrap=Bootstrap(100, 0), controls="Controls")
    return evaluate_gallery([data, replace(data, space=f"{data.space} 2")], plan)


def trial(
    folder: Path, name: Name = plain, *, hpo: str | None = None, is_published: bool = False
) -> Trial:
    """Twelve patients of a gallery with four disorders, and two who were held back. The photo of
    the probe lies in `folder`. `hpo`: the release that real disorders are from."""
    rng = np.random.default_rng(0)
    disorders = tuple(
        SimulatedDisorder(
            name(f"SIM:{number}"), name(f"Disorder {number}"), (Feature("HP:0000316", 1, 1),), ()
        )
        for number in range(4)
    )

    def photo(number: int) -> EncodedPhoto:
        disorder = disorders[number % 4]
        record = PhotoRecord(
            f"{number}.png",
            name(f"P{number}"),
            (Disorder(disorder.id, disorder.name),),
            sex=name("female"),
            age=4.0,
            ancestry=name("here"),
        )
        descriptor = made.unit(rng, 1, 16)[0]
        return EncodedPhoto(record, made.crop(number), descriptor)

    photos = [photo(number) for number in range(14)]
    gallery, probes = photos[:12], []
    for one in photos[12:]:
        lines = []
        for rank, disorder in enumerate(disorders, start=1):
            patient = gallery[disorders.index(disorder)].record.patient
            score = 1 - rank / 8
            lines.append(MatchLine(rank, disorder.id, disorder.name, score, patient, 3, 3, score))
        probes.append(HeldBack(one.record, one, Match(one.record.photo, lines=tuple(lines))))
    made.photo_file(folder / probes[0].record.photo, 1)
    patients = [
        SimpleNamespace(
            id=one.record.patient,
            strengths={"HP:0000316": 2.0, "HP:0000664": 1.0},
            case=SimpleNamespace(id=name("PMID_1_case")) if is_published else None,
        )
        for one in photos
    ]
    return Trial(
        cohort=SimpleNamespace(
            plan=SimpleNamespace(seed=3, difficulty=name("clinical")),
            disorders=disorders,
            patients=tuple(patients),
            hpo=hpo,
            published=SimpleNamespace() if is_published else None,
        ),
        space=SimpleNamespace(model=SimpleNamespace(name=name("tiny")), fingerprint="f" * 64),
        detector=name("aligned"),
        gallery=tuple(gallery),
        failed=0,
        probes=tuple(probes),
    )


def all_pages(folder: Path, name: Name = plain) -> dict[str, str]:
    """Every page, by its name, with everybody named. The demo's photo is put into `folder`."""
    of = selection(name)
    on = lay_map(of, "pca")
    steps = [name("gestalt match")]
    return {
        "demo": demo_page(trial(folder, name), folder, Persons.builtin(), steps),
        "evaluation": evaluation_page(evaluation(name)),
        "report": cohort_report_page(report(name), show_patients=True),
        "matrix": matrix_page(measure(of, unit="patient")),
        "two sets": matrix_page(
            measure(of.only(of.patients[:9]), of.only(of.patients[9:]), unit="patient")
        ),
        "map": map_page(on, shown_map(on, of), of.source, "disorder", show_patients=True),
        "explanation": explanation_page(explanation(name)),
    }
