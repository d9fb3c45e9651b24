"""The report: whole, self-contained, escaped, and its numbers are the trial's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gestalt_space.demo.page import SHOWN_TERMS, trial_page
from gestalt_space.demo.run import COHORT, REPORT, DemoResult
from gestalt_space.demo.trial import Trial
from gestalt_space.simulate.persons import Persons
from gestalt_space.simulate.phenotypes import TERMS
from tests.report.pages import Page


@pytest.fixture(scope="module")
def text(done: DemoResult) -> str:
    return (done.folder / REPORT).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def report(text: str) -> Page:
    return Page(text)


@pytest.fixture(scope="module")
def trial(done: DemoResult) -> Trial:
    return done.trial


def test_it_needs_nothing_beside_itself(text: str, report: Page):
    assert report.open == []
    assert len(report.addresses) > 10
    assert {address.partition(";")[0] for address in report.addresses} == {
        "data:image/jpeg",
        "data:image/png",
    }
    assert "://" not in text
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in report.elements}


def test_every_picture_is_told_in_words(report: Page):
    assert all(image["alt"] for image in report.of("img"))
    assert all(
        svg.get("aria-label") or svg.get("aria-hidden") == "true" for svg in report.of("svg")
    )


def test_headings_go_down_one_at_a_time(report: Page):
    headings = [tag for tag, _ in report.elements if tag in ("h1", "h2", "h3", "h4")]
    assert headings == ["h1"] + ["h2"] * 8


def test_it_says_that_nobody_exists_and_what_it_is_not(report: Page):
    assert "Nobody on this page exists, and neither do the disorders." in report.text
    assert "not a medical device" in report.text


def test_the_ranking_is_that_of_the_probe(trial: Trial, report: Page):
    for line in trial.shown.match.lines:
        assert f"{line.rank} {line.name}" in report.text
        assert f"{line.similarity:.3f} {line.patient}" in report.text
    assert report.text.count("← the true one") == 1
    assert [row for row in report.of("tr") if row.get("class") == "marked"] == [{"class": "marked"}]


def test_the_top_k_are_those_of_the_trial(trial: Trial, report: Page):
    for top in trial.top():
        row = f"top {top.k} {top.hits} of {top.probes} {top.share:.1%} {top.chance:.1%}"
        assert row in report.text


def test_counts_seed_and_space_are_told(trial: Trial, report: Page):
    for told in (
        f"{trial.patient_count} patients, {len(trial.gallery)} photos",
        f"{len(trial.held_back)} patients, {len(trial.probes)} photos",
        "Seed 3",
        f"Space {trial.space.fingerprint[:12]}",
        "Encoder tiny",
        "Detector aligned",
    ):
        assert told in report.text


def test_what_was_planted_in_the_probe_is_told(trial: Trial, report: Page):
    strengths = trial.patient(trial.shown.record.patient).strengths
    assert strengths
    for term, strength in strengths.items():
        assert f"{TERMS[term].label} {term} {strength:.1f} SD" in report.text


def test_every_photo_is_on_the_map(trial: Trial, report: Page):
    assert len(report.of("g")) == trial.cohort.photo_count
    assert len([one for one in report.of("circle") if one.get("class") == "ring"]) == 2


def test_the_terms_that_are_shown_exist(report: Page):
    for term in SHOWN_TERMS:
        assert f"{TERMS[term].label} {term}" in report.text


def test_next_steps_are_told(done: DemoResult, report: Page):
    assert all(" ".join(step.split()) in report.text for step in done.next_steps)


def test_odd_names_are_text(done: DemoResult, trial: Trial):
    nasty = '<b onload="x">&'
    changed = replace(trial, detector=nasty)
    text = trial_page(changed, done.folder / COHORT, Persons.builtin(), [nasty])
    assert "<b " not in text
    assert Page(text).text.count(nasty) == 2


def test_a_true_disorder_far_down_has_a_line_of_its_own(done: DemoResult, trial: Trial):
    shown = trial.shown
    true = shown.record.disorders[0].id
    lines = [line for line in shown.match.lines if line.id != true]
    last = next(line for line in shown.match.lines if line.id == true)
    lines = [replace(lines[row % len(lines)], rank=row + 1) for row in range(12)]
    match = replace(shown.match, lines=(*lines, replace(last, rank=13)))
    probes = tuple(
        replace(probe, match=match) if probe is shown else probe for probe in trial.probes
    )
    changed = replace(trial, probes=probes)
    page = Page(trial_page(changed, Path(done.folder / COHORT), Persons.builtin(), []))
    assert "10 nearest of 13 disorders, and the true one at rank 13" in page.text
    assert f"13 {last.name} ← the true one" in page.text
