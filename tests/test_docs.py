"""The documentation says what the code does."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer
from gestalt_cli.reference import reference

import gestalt_space
from gestalt_space import notebook
from gestalt_space.documents.added import REPORT_COLUMNS
from gestalt_space.documents.matches import MATCH_COLUMNS
from gestalt_space.documents.schemas import DOCUMENTS
from gestalt_space.faces.registry import DETECTORS
from gestalt_space.gallery.intake.records import COLUMNS
from gestalt_space.gallery.people import FACTS
from gestalt_space.index.approximate import ApproximateRecord
from gestalt_space.index.checksums import FileRecord
from gestalt_space.index.manifest import FORMAT, Manifest, PartRecord
from gestalt_space.index.means import MeansRecord
from gestalt_space.index.segment import SegmentRecord
from gestalt_space.simulate.cohort import CohortPlan, draw_cohort
from gestalt_space.simulate.cohort_files import write_cohort
from gestalt_space.simulate.persons import Persons
from gestalt_space.simulate.subjects import SampledSubjects
from gestalt_space.tables.table import Column
from tests.documented import ROOT, block_commands, check, inline_commands, python_of
from tests.test_imports import edges

DOCS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
PAGES = [page for page in DOCS if page.parent.name == "docs" and page.name != "index.md"]
WRITTEN = [page for page in DOCS if page.name not in {"CHANGELOG.md", "commands.md"}]
"""Those that say, in words of somebody, what the code does today."""


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_command_reference_is_the_one_that_the_code_gives():
    assert text_of("docs/commands.md") == reference(), "run `make docs`"


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path):
    links = re.findall(r"\]\((?!http)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def anchors(page: Path) -> set[str]:
    """What a link may name of a page: its headings, as GitHub spells them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_links_lead_to_headings(page: Path):
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!http)([^)#]*)#([^)]+)\)", text)
    assert [
        (name, anchor)
        for name, anchor in links
        if anchor not in anchors(page.parent / name if name else page)
    ] == []


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_commands_and_their_options_exist(page: Path):
    for line in [*block_commands(page), *inline_commands(page)]:
        check(line)


@pytest.mark.parametrize(
    "line",
    ["gestalt match a.jpg --toop 3", "gestalt index ad a.csv", "gestalt index show P1 P2"],
)
def test_a_command_that_does_not_exist_is_found(line: str):
    with pytest.raises((typer.TyperException, KeyError, AssertionError)):
        check(line)


def test_every_page_is_once_in_the_navigation():
    index = text_of("docs/index.md")
    blocks = re.findall(r"^```{toctree}\n(.*?)^```$", index, re.MULTILINE | re.DOTALL)
    named = [name for block in blocks for name in re.findall(r"^[\w-]+$", block, re.MULTILINE)]
    assert sorted(named) == sorted({path.stem for path in (ROOT / "docs").glob("*.md")} - {"index"})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_says_for_whom_it_is_and_what_they_will_have(page: Path):
    _, empty, *first = page.read_text(encoding="utf-8").splitlines()
    assert empty == ""
    assert re.match(r"For [^.]+\. At the end you (have|know|can) ", " ".join(first[:2]))


def test_every_public_name_is_on_the_api_page():
    _, of_package, of_notebook = text_of("docs/api.md").split("\n## ")
    listed = [
        re.findall(r"^\.\. auto\w+:: (\w+)$", part, re.M) for part in (of_package, of_notebook)
    ]
    public = {*gestalt_space.__all__} - {"__version__"}
    assert sorted(listed[0]) == sorted(public)
    assert sorted(listed[1]) == sorted({*notebook.__all__} - public)


def test_every_column_of_a_table_is_documented():
    table, _, _ = text_of("docs/formats.md").partition("## The report")
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [*COLUMNS]


def test_every_document_is_listed():
    listed = re.findall(
        r"^\| \[[\w-]+\]\(schemas/([\w-]+)\.json\)", text_of("docs/formats.md"), re.M
    )
    assert listed == [*DOCUMENTS]


@pytest.mark.parametrize("columns", [REPORT_COLUMNS, MATCH_COLUMNS], ids=["report", "match"])
def test_columns_of_results_are_documented_in_their_order(columns: tuple[Column, ...]):
    words = re.findall(r"\w+", text_of("docs/formats.md"))
    places = iter(words)
    assert all(column.name in places for column in columns)


def index_section() -> str:
    _, _, after = text_of("docs/formats.md").partition(f"## The index, format {FORMAT}\n")
    return after.partition("\n## ")[0]


def test_the_manifest_of_the_index_is_documented():
    shown = index_section().split("```")[1]
    found = re.findall(r'"(\w+)": ', shown)
    manifest = [field.name for field in fields(Manifest)]
    for list_of, kind in {
        "segments": SegmentRecord,
        "people": PartRecord,
        "means": MeansRecord,
        "approximate": ApproximateRecord,
    }.items():
        at = manifest.index(list_of) + 1
        manifest[at:at] = [field.name for field in fields(kind)]
    assert found == [*manifest, *(field.name for field in fields(FileRecord))]
    assert f'"format": {FORMAT}' in shown
    for fact in FACTS:
        assert f"`{fact}`" in index_section()


def test_every_detector_that_can_be_named_is_explained():
    faces = text_of("docs/how-it-works.md").partition("## Spaces")[0]
    explained = re.findall(r"^\| `(\w+)` \|", faces, re.MULTILINE)
    assert explained == [name for name in DETECTORS if name != "auto"]


def drawings() -> list[str]:
    """What CONTRIBUTING.md draws, the list of the rooms first."""
    blocks = re.findall(r"^```\n(.*?)^```$", text_of("CONTRIBUTING.md"), re.MULTILINE | re.DOTALL)
    return [block for block in blocks if "make " not in block]


def listed_rooms() -> dict[str, int]:
    """The rooms and modules that the list names, with the line of each."""
    of_package, _, _ = drawings()[0].partition("cli/")
    lines = [line[2:].split("  ")[0] for line in of_package.splitlines()[1:]]
    return {name.rstrip("/"): n for n, line in enumerate(lines) for name in line.split()}


def test_the_list_of_rooms_is_whole():
    package = ROOT / "gestalt_space"
    there = {path.stem for path in package.iterdir() if path.suffix == ".py"}
    there |= {path.parent.name for path in package.glob("*/__init__.py")}
    assert {*listed_rooms()} == there - {"__init__"}


def test_rooms_import_from_above_in_the_list():
    rooms = listed_rooms()
    inside = [(a, b, text) for a, b, text in edges() if a in rooms and b in rooms]
    assert len(inside) > 100
    assert [text for a, b, text in inside if rooms[b] > rooms[a]] == []


def test_the_way_of_a_photo_enters_each_room_once_and_goes_on():
    rooms = re.findall(r"[│▼] (\w+)/ ", drawings()[1])
    told = re.search(r"goes `(faces .*?)`", text_of("CONTRIBUTING.md"))
    assert told is not None
    assert rooms == told.group(1).split(" → ")
    places = [listed_rooms()[room] for room in rooms]
    assert places == sorted(set(places))


def drawn_calls() -> Iterator[tuple[str, str]]:
    """Pairs of modules of which the first is drawn to call the second."""
    for drawing in drawings()[2:]:
        above: list[str] = []
        for line in drawing.splitlines():
            depth = (len(line) - len(line.lstrip())) // 2
            above[depth:] = [line.split()[0]]
            if depth:
                yield above[-2], above[-1]


@pytest.mark.parametrize(("caller", "called"), sorted({*drawn_calls()}))
def test_a_module_that_is_drawn_to_call_another_imports_it(caller: str, called: str):
    tree = ast.parse(text_of(f"gestalt_space/{caller}.py"))
    names = {
        f"{node.module}.{alias.name}".replace(".", "/") + "/"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert (ROOT / f"gestalt_space/{called}.py").exists()
    assert any(name.startswith(f"gestalt_space/{called}/") for name in names)


def test_ci_runs_the_test_command_of_the_readme():
    assert "make test" in text_of("README.md")
    assert "make test" in text_of(".ci/run")


def test_versions_are_pinned_without_addresses():
    lines = [line for line in text_of("constraints.txt").splitlines() if line[:1] not in ("", "#")]
    assert len(lines) > 20
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][\w.]*", line)] == []


@pytest.fixture
def clinic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with the files that the examples name, of patients who do not exist."""
    folder = tmp_path / "cohort"
    plan = CohortPlan(disorders=3, patients=12, seed=2)
    write_cohort(draw_cohort(plan, SampledSubjects(Persons.builtin())), folder)
    table = folder / "patients.csv"
    rows = table.read_text(encoding="utf-8").splitlines(keepends=True)
    table.write_text("".join(rows[:-3]), encoding="utf-8")
    asked = sorted((folder / "photos").iterdir())[-3:]
    for name, photo in zip(["photo", "second", "photos/first-visit"], asked, strict=True):
        photo.rename(folder / f"{name}.jpg")
    monkeypatch.chdir(folder)


@pytest.mark.usefixtures("clinic")
def test_the_python_of_the_docs_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    names: dict[str, Any] = {}
    for block in python_of("docs/python.md"):
        exec(compile(block, "docs/python.md", "exec"), names)
    assert names["added"].photos[0].status == "added"
    assert [line.rank for line in names["match"].lines] == [1, 2, 3, 4]
    capsys.readouterr()

    with gestalt_space.Gallery.open("clinic") as gallery:
        gallery.rebuild()
    endings = re.findall(r"SPACE-(?:NAME|DIGEST)((?:\.\w+)+)`", index_section())
    written = {path.name.partition(".")[2] for path in Path("clinic", "index").glob("*-*")}
    written = {re.sub(r"^[0-9a-f]{12}\.", "ID.", ending) for ending in written}
    assert written == {ending.removeprefix(".") for ending in endings}

    monkeypatch.setenv("GESTALT_HOME", "clinic")
    (block,) = python_of("README.md")
    exec(compile(block, "README.md", "exec"), {})
    _, *lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["1", "2", "3", "4"]


def test_every_public_name_is_explained():
    table = text_of("docs/python.md").partition("## ")[0]
    explained = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)))
    assert sorted(explained) == sorted({*gestalt_space.__all__} - {"__version__"})


def test_every_error_is_explained():
    from gestalt_space import errors

    page = (ROOT / "docs" / "problems.md").read_text(encoding="utf-8")
    kinds = [one for one in vars(errors).values() if isinstance(one, type)]
    codes = {one.code for one in kinds if issubclass(one, errors.GestaltError)}
    assert {code for code in codes if f"`{code}`" not in page} == set()
