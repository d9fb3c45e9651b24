"""Tables fit the terminal: columns go, names wrap at words and paths at folders, and nothing is
cut."""

from __future__ import annotations

import io
import os
import sys

import pytest
from gestalt_cli import output

from gestalt_space.tables.terminal import wrapped

NAME = "Cornelia de Lange syndrome 1 (OMIM:122470)"
PATIENT = "GM_2024-000000001742"


def shown(monkeypatch: pytest.MonkeyPatch, width: int | None) -> str:
    """A table of a match at a width, None for a pipe."""
    monkeypatch.delenv("COLUMNS", raising=False)
    if width is not None:
        monkeypatch.setenv("COLUMNS", str(width))
    table = output.new_table(
        *("rank", "disorder", "similarity", "pctl", "patient", "photos"),
        right=("rank", "similarity", "pctl", "photos"),
        whole=("patient",),
        least=("photos", "pctl", "patient"),
    )
    table.add_row("1", NAME, "0.8123", "99.5", PATIENT, "12")
    table.add_row("2", "Kabuki syndrome (ORPHA:2322)", "0.7000", "", "P2", "1")
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    output.write_table(table)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("width", "gone"),
    [
        (120, ()),
        (90, ()),
        (70, ("photos",)),
        (60, ("photos", "pctl", "patient")),
        (48, ("photos", "pctl", "patient")),
        (40, ("photos", "pctl", "patient")),
    ],
)
def test_columns_of_least_weight_go_first_and_nothing_is_cut(
    width: int, gone: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = shown(monkeypatch, width)
    assert max(map(len, text.splitlines())) <= width
    kept = {"photos": "12", "pctl": "99.5", "patient": PATIENT}
    for whole in ["0.8123", "0.7000", *(kept[name] for name in kept if name not in gone)]:
        assert whole in text.split()
    words = text.split()
    assert all(word in words for word in (*NAME.split(), "rank", "disorder", "similarity"))
    assert (f"columns left out: {', '.join(gone)}" in " ".join(words)) == bool(gone)


PATH = "/srv/klinikum-bonn/institut-fuer-humangenetik/gestalt-space-gallery/home/gallery.sqlite3"


def test_a_long_path_is_broken_at_folders_in_its_cell_and_nothing_of_it_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    table = output.new_table("id", "found", whole=("id",))
    table.add_row(PATIENT, f"{PATH}, migration 9")
    table.add_row("P2", "a_name_of_a_file_that_is_longer_than_the_terminal_is_wide.png")
    output.write_table(table)
    lines = stream.getvalue().splitlines()
    assert max(map(len, lines)) <= 60
    assert sum(PATIENT in line for line in lines) == 1
    cells = [line[len(PATIENT) + 3 :].strip() for line in lines]
    assert "/srv/klinikum-bonn/" in cells
    assert f"{PATH}," in "".join(cells)
    assert "longer_than_the_terminal_is_wide.png" in "".join(cells)


def test_a_column_without_a_word_goes_unsaid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    table = output.new_table("id", "name", "cohort", "family", least=("family", "cohort"))
    table.add_row(PATIENT, "x" * 24, "", "F1")
    output.write_table(table)
    assert "F1" in stream.getvalue()
    assert "no room" not in stream.getvalue()
    assert "cohort" not in stream.getvalue()


def test_where_the_least_does_not_fit_each_cell_has_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, 30).splitlines()
    assert "rank        1" in lines
    assert "similarity  0.8123" in lines
    assert f"patient     {PATIENT}" in lines
    assert max(map(len, lines)) <= len(f"patient     {PATIENT}")
    assert lines.count("") == 2
    assert "pctl        99.5" in lines
    assert sum(line.startswith("pctl") for line in lines) == 1


def test_a_pipe_has_no_end_of_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, None).splitlines()
    (line,) = [line for line in lines if NAME in line]
    assert PATIENT in line
    assert "0.8123" in line
    assert "no room" not in "".join(lines)


@pytest.mark.parametrize("columns", ["", "0", "-3", "wide"])
def test_a_width_that_is_none_counts_as_none(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert output.shown_width() is None


def test_a_terminal_has_its_own_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((66, 20)))
    assert output.shown_width() == 66


def test_text_wraps_between_words_and_keeps_its_indent() -> None:
    text = "  a patient GM_2024-000000001742 is\n  left out\n\nend"
    assert wrapped(text, 20).split("\n") == [
        *("  a patient", "  GM_2024-000000001742", "  is", "  left out", "", "end")
    ]
    assert wrapped(text, None) == text


def test_a_command_is_never_broken() -> None:
    text = "Lost: run `gestalt index fill --space NAME` or another one."
    assert wrapped(text, 30).split("\n") == [
        *("Lost: run", "`gestalt index fill --space NAME`", "or another one.")
    ]


def test_wide_characters_are_counted_as_they_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    table = output.new_table("name", "n", right=("n",))
    table.add_row("写真写真 写真写真", "1234")
    output.write_table(table)
    assert "写真写真" in stream.getvalue().split()
    assert "1234" in stream.getvalue().split()
