"""The demo's page: its numbers are the trial's."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gestalt_space.demo.run import GENERATOR
from gestalt_space.demo.shown import SHOWN_TERMS
from gestalt_space.demo.trial import Trial
from gestalt_space.pages.demo import demo_page
from gestalt_space.simulate.persons import Persons
from gestalt_space.simulate.phenotypes import TERMS
from tests.pages.parsed import Page
from tests.pages.samples import trial as made_trial

STEPS = ("gestalt match photo.jpg", "gestalt simulate cohort")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cohort")


@pytest.fixture(scope="module")
def trial(folder: Path) -> Trial:
    return made_trial(folder)


@pytest.fixture(scope="module")
def page(trial: Trial, folder: Path) -> Page:
    text = demo_page(trial, folder, Persons.builtin(), STEPS)
    assert GENERATOR in text[:500]
    return Page(text)


def test_it_says_that_nobody_exists(page: Page):
    assert "Nobody on this page exists, and neither do the disorders." in page.text


def test_it_says_what_is_real(folder: Path):
    real = made_trial(folder, hpo="2025-01-16")
    text = Page(demo_page(real, folder, Persons.builtin(), STEPS)).text
    assert "Nobody on this page exists. The disorders do." in text
    assert "HPO 2025-01-16" in text
    assert "simulated face of a published case" not in text.lower()
    published = made_trial(folder, hpo="2025-01-16", is_published=True)
    html = demo_page(published, folder, Persons.builtin(), STEPS)
    text = Page(html).text
    assert "Each photo is a simulated face of a published case." in text
    assert "The published case is PMID_1_case, and this is not its photo." in text
    assert 'alt="Simulated face of a published case, patient P12"' in html


def test_the_ranking_is_that_of_the_probe(trial: Trial, page: Page):
    for line in trial.shown.match.lines:
        assert f"{line.rank} {line.name}" in page.text
        assert f"{line.similarity:.3f} {line.patient}" in page.text
    assert page.text.count("← the true one") == 1
    assert [row for row in page.of("tr") if row.get("class") == "marked"] == [{"class": "marked"}]


def test_the_top_k_are_those_of_the_trial(trial: Trial, page: Page):
    for top in trial.top():
        shares = f"{100 * top.share:.1f} % {100 * top.chance:.1f} %"
        assert f"top {top.k} {top.hits} of {top.probes} {shares}" in page.text


def test_counts_seed_and_space_are_shown(page: Page):
    for words in (
        "12 patients, 12 photos",
        "2 patients, 2 photos",
        "Seed 3",
        f"Space {'f' * 12}",
        "Encoder tiny",
        "Detector aligned",
        "Disorders 4, of clinical difficulty",
    ):
        assert words in page.text


def test_what_was_planted_in_the_probe_is_shown(trial: Trial, page: Page):
    for term, strength in trial.patient(trial.shown.record.patient).strengths.items():
        assert f"{TERMS[term].label} {term} {strength:.1f} SD" in page.text


def test_every_photo_is_on_the_map(trial: Trial, page: Page):
    points, words = (json.loads(data) for kind, data in page.scripts if kind is not None)
    assert len(points["points"]) == len(words) == 14
    assert words[0] == "P0, SIM:0"
    assert words[13] == "P13, SIM:1, held back"


def test_the_terms_that_are_shown_exist(page: Page):
    for term in SHOWN_TERMS:
        assert f"{TERMS[term].label} {term}" in page.text


def test_next_steps_are_shown(page: Page):
    assert all(step in page.text for step in STEPS)


def test_a_true_disorder_far_down_has_a_line_of_its_own(trial: Trial, folder: Path):
    shown = trial.shown
    true = shown.record.disorders[0].id
    lines = [line for line in shown.match.lines if line.id != true]
    last = next(line for line in shown.match.lines if line.id == true)
    lines = [replace(lines[row % len(lines)], rank=row + 1) for row in range(12)]
    match = replace(shown.match, lines=(*lines, replace(last, rank=13)))
    probes = tuple(
        replace(probe, match=match) if probe is shown else probe for probe in trial.probes
    )
    page = Page(demo_page(replace(trial, probes=probes), folder, Persons.builtin(), []))
    assert "10 nearest of 13 disorders, and the true one at rank 13" in page.text
    assert f"13 {last.name} ← the true one" in page.text
