"""The folder of a cohort's report: page, document and tables."""

from __future__ import annotations

import json
from pathlib import Path

from gestalt_space.atomic_files import write_private
from gestalt_space.atomic_folders import whole_folder
from gestalt_space.cohort.report import TABLES, CohortReport, report_document, report_tables
from gestalt_space.errors import OutputError
from gestalt_space.pages.cohort_report import cohort_report_page
from gestalt_space.paths import display_name

PAGE, DOCUMENT = "report.html", "report.json"
OWN_FILES = frozenset({PAGE, DOCUMENT, *(f"{name}.csv" for name in TABLES)})
"""All that a report's folder holds: of a folder with anything else nothing is replaced."""


def check_report_folder(folder: Path, *, overwrite: bool = False) -> None:
    """Raise `OutputError` where a report cannot take the place of what is in a folder: another is
    replaced only with `overwrite`, and anything else never."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise OutputError(f"{display_name(folder)} is not a folder.", "Choose another folder.")
    if not any(folder.iterdir()):
        return
    others = sorted({one.name for one in folder.iterdir()} - OWN_FILES)
    if others or not (folder / PAGE).is_file():
        what = (
            f"{display_name(others[0])}, which does not belong to a report"
            if others
            else "no report"
        )
        raise OutputError(f"{display_name(folder)} holds {what}.", "Choose a new folder.")
    if not overwrite:
        raise OutputError(
            f"{display_name(folder)} already has a report.",
            "Choose another folder, or add --overwrite.",
        )


def write_report(report: CohortReport, folder: Path, *, show_patients: bool = False) -> None:
    """Write page, document and tables into a folder that appears when it is whole.

    What was there is replaced: see `check_report_folder`. Raises `OutputError`.
    """
    document = report_document(report, show_patients=show_patients)
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    with whole_folder(folder) as aside:
        written = cohort_report_page(report, show_patients=show_patients)
        write_private(aside / PAGE, written.encode())
        write_private(aside / DOCUMENT, f"{text}\n".encode())
        for name, data in report_tables(report, show_patients=show_patients).items():
            write_private(aside / name, data)
