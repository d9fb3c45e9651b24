"""What is printed: text as it is, on the stream where it belongs."""

from __future__ import annotations

import os
import sys

import pytest
from gestalt_cli import output

from gestalt_space.errors import UsageError


def test_names_of_any_bytes_can_be_printed() -> None:
    assert output.display_name(os.fsdecode(b"caf\xe9.png")) == "caf�.png"
    assert output.display_name("Jürgen 写真.png") == "Jürgen 写真.png"


@pytest.mark.parametrize("text", ["[b]bold[/b]", "a:100:b", "[/x]", "'quoted' 12 https://x.y"])
def test_text_is_said_as_it_is(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    output.say(text)
    output.write_text(text)
    captured = capsys.readouterr()
    assert captured.err == text + "\n"
    assert captured.out == text + "\n"


def test_a_long_message_stays_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A command that is broken over two lines cannot be copied from a log.
    monkeypatch.setenv("COLUMNS", "40")
    hint = "Run `gestalt index fill --space some-encoder --default` and then match again."
    output.fail(UsageError("x" * 60, hint), as_json=False)
    said = capsys.readouterr().err
    assert hint in said
    assert "x" * 60 in said


def test_a_message_wrapped_for_a_terminal_has_only_its_own_characters(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    message = "several words that are wrapped " * 4
    output.say(message)
    said = capsys.readouterr().err
    assert said.split() == message.split()
    assert max(map(len, said.splitlines())) <= 40


def test_an_error_is_a_document_as_well_where_that_is_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output.fail(UsageError("wrong", "right"), as_json=False)
    assert capsys.readouterr().out == ""
    output.fail(UsageError("wrong", "right"), as_json=True)
    captured = capsys.readouterr()
    assert '"code": "usage"' in captured.out
    assert "Error: wrong" in captured.err


def test_json_takes_text_that_is_no_unicode(capsys: pytest.CaptureFixture[str]) -> None:
    output.write_json({"photo": "caf\udce9"})
    assert capsys.readouterr().out == '{\n  "photo": "caf?"\n}\n'


def test_json_refuses_what_is_no_json() -> None:
    with pytest.raises(ValueError, match="Out of range"):
        output.write_json({"similarity": float("nan")})


def test_progress_is_silent_where_no_terminal_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(output.with_bar([1, 2, 3], "Adding", 3, quiet=False)) == [1, 2, 3]
    captured = capsys.readouterr()
    assert captured.out + captured.err == ""


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_document_in_parts_is_the_document(
    count: int, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    parts = [
        {"case": f"café \udce9 {number}", "terms": [], "found": {"a": []}}
        for number in range(count)
    ]
    output.write_json({"version": 1, "none": [], "cases": parts})
    whole = capsysbinary.readouterr().out
    output.write_json_parts({"version": 1, "none": [], "cases": []}, "cases", iter(parts))
    assert capsysbinary.readouterr().out == whole
