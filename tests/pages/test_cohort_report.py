from __future__ import annotations

import json
from dataclasses import replace

import pytest

from gestalt_space.cohort.clusters import cluster
from gestalt_space.cohort.cohort_matrix import measure
from gestalt_space.cohort.mapping import lay_map
from gestalt_space.cohort.report import CohortReport
from gestalt_space.pages.cohort_report import cohort_report_page
from tests.cohort.selections import QUICK, planted
from tests.pages.parsed import Page
from tests.pages.samples import report as made_report


@pytest.fixture(scope="module")
def report() -> CohortReport:
    return made_report()


def test_nobody_is_named_unless_asked(report: CohortReport):
    text = cohort_report_page(report)
    assert not any(patient in text for patient in report.selection.patients)
    text = cohort_report_page(report, show_patients=True)
    assert all(patient in text for patient in report.selection.patients)


def test_what_is_pointed_at_is_who_is_shown(report: CohortReport):
    for show in (True, False):
        page = Page(cohort_report_page(report, show_patients=show))
        cells = next(json.loads(text) for kind, text in page.scripts if '"half"' in text)
        titles = {report.selection.title(one) for (one,) in report.selection.disorders}
        assert len(cells["rows"]) == 24
        assert all(row.split(", ")[-1] in titles for row in cells["rows"])
        assert {row.split(", ")[0] for row in cells["rows"]} == (
            set(report.selection.patients) if show else titles
        )


@pytest.mark.lengthy
def test_a_report_of_400_patients_is_below_a_megabyte(report: CohortReport):
    of = planted(disorders=10, each=40, strength=1.0)
    made = replace(
        report,
        selection=of,
        matrix=measure(of, unit="patient"),
        clustering=cluster(of, replace(QUICK, clusters=10, bootstrap=0)),
        map=lay_map(of, "pca"),
    )
    assert len(cohort_report_page(made, show_patients=True).encode()) < 1_000_000


def test_what_was_left_out_has_its_reason_in_its_place(report: CohortReport):
    page = Page(cohort_report_page(report))
    assert "Are they more similar than chance? Cohesion: too few" in page.text
    assert "Average face of everybody" in [image["alt"] for image in page.of("img")]
    assert "everybody: 8 patients" in page.text
