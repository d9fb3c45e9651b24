"""The documentation says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from gestalt_cli.added_photos import REPORT_COLUMNS
from gestalt_cli.match_output import CSV_COLUMNS
from gestalt_cli.reference import reference

from gestalt_space.faces.registry import DETECTORS
from gestalt_space.gallery.intake.records import COLUMNS

ROOT = Path(__file__).parents[1]
DOCS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_command_reference_is_the_one_that_the_code_gives():
    assert text_of("docs/commands.md") == reference(), "run `make docs`"


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path):
    links = re.findall(r"\]\((?!http)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_commands_in_the_docs_are_commands(page: Path):
    known = set(re.findall(r"^### (gestalt [a-z -]+)$", text_of("docs/commands.md"), re.MULTILINE))
    used = re.findall(r"^gestalt ([a-z]+)(?: ([a-z-]+)\b)?", page.read_text(), re.MULTILINE)
    for first, second in used:
        assert f"gestalt {first}" in known or f"gestalt {first} {second}" in known


def test_every_column_of_a_table_is_documented():
    table, _, _ = text_of("docs/formats.md").partition("## The report")
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [*COLUMNS]


@pytest.mark.parametrize("columns", [REPORT_COLUMNS, CSV_COLUMNS], ids=["report", "match"])
def test_columns_of_results_are_documented_in_their_order(columns: tuple[str, ...]):
    words = re.findall(r"\w+", text_of("docs/formats.md"))
    places = iter(words)
    assert all(column in places for column in columns)


def test_every_detector_that_can_be_named_is_explained():
    faces = text_of("docs/how-it-works.md").partition("## Spaces")[0]
    explained = re.findall(r"^\| `(\w+)` \|", faces, re.MULTILINE)
    assert explained == [name for name in DETECTORS if name != "auto"]


def test_ci_runs_the_test_command_of_the_readme():
    assert "make test" in text_of("README.md")
    assert "make test" in text_of(".ci/run")


def test_versions_are_pinned_without_addresses():
    lines = [line for line in text_of("constraints.txt").splitlines() if line[:1] not in ("", "#")]
    assert len(lines) > 20
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][\w.]*", line)] == []
