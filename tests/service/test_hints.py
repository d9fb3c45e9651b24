"""Errors of the library name options; the service names fields, and leaves commands as they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from gestalt_space.errors import UsageError
from gestalt_space.service.hints import in_fields
from tests.galleries import open_gallery


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("Give --photo NAME, not --to.", "Give `photo`, not `to`."),
        ("Leave out --as-one.", "Leave out `as_one`."),
        ("Add --photo NAME.", "Add `photo`."),
        ("--family and --with-family differ.", "`family` and `with_family` differ."),
        ("Use --keep P1 or --keep P2.", "Use `keep` P1 or `keep` P2."),
        ("Write --among sex=female, age=0-5y.", "Write `among` sex=female, age=0-5y."),
        ("Or try another --detector.", "Or try another `gestalt serve --detector`."),
        ("Run `gestalt index fill --space builtin`.", "Run `gestalt index fill --space builtin`."),
        ("A name-with--dashes and P--1 stay.", "A name-with--dashes and P--1 stay."),
    ],
)
def test_options_are_told_as_fields(told: str, expected: str) -> None:
    error = in_fields(UsageError(told, told))
    assert (error.message, error.hint) == (expected, expected)


def test_what_a_request_is_told_names_no_option(client: TestClient) -> None:
    reply = client.patch("/api/v1/patients/P0", json={"age": "4"})
    assert reply.json()["error"]["hint"] == "Add `photo`."
    empty = client.patch("/api/v1/patients/P0", json={}).json()["error"]
    assert "--" not in empty["message"] + empty["hint"]
    assert "`clear`" in empty["hint"]


def test_the_command_line_names_options(home: Path) -> None:
    with open_gallery(home) as gallery, pytest.raises(UsageError) as refused:
        gallery.erase([])
    assert "--patient" in refused.value.hint
