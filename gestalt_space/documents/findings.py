"""`gestalt doctor` and `gestalt index verify`: what was looked at, and what was found."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from gestalt_space.documents.form import Form, filled
from gestalt_space.gallery.inspecting.findings import CheckFinding
from gestalt_space.tables.table import Column, Table

MARKS = {"ok": "ok", "note": "note", "fail": "FAIL"}


class FindingForm(Form):
    """Something that was looked at. `hint`: the next thing to do, empty where there is none."""

    subject: str
    state: Literal["ok", "note", "fail"]
    detail: str
    hint: str


class FindingsDocument(Form):
    """All that was looked at. `sound`: whether nothing failed."""

    document: Literal["findings"]
    version: Literal[1]
    sound: bool
    findings: list[FindingForm]


def findings_document(findings: Iterable[CheckFinding]) -> FindingsDocument:
    """All that was looked at."""
    found = [filled(FindingForm, finding) for finding in findings]
    sound = all(one["state"] != "fail" for one in found)
    return {"document": "findings", "version": 1, "sound": sound, "findings": found}


def findings_table(findings: Iterable[CheckFinding]) -> Table:
    """A row for each thing that was looked at; people read the hints below it."""
    columns = (
        Column("state", title=" ", shown=lambda state: MARKS[state]),
        Column("subject", title="what"),
        Column("detail", title="found"),
        Column("hint", readers="programs"),
    )
    return Table(columns, ((one.state, one.subject, one.detail, one.hint) for one in findings))
