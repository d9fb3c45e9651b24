from __future__ import annotations

import pytest

from gestalt_space.cohort.report import CohortReport
from gestalt_space.pages.cohort_report import cohort_report_page
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


def test_what_was_left_out_has_its_reason_in_its_place(report: CohortReport):
    page = Page(cohort_report_page(report))
    assert "Are they more similar than chance? Cohesion: too few" in page.text
    assert "Average face of everybody" in [image["alt"] for image in page.of("img")]
    assert "everybody: 8 patients" in page.text
