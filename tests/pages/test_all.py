"""What holds for every page: whole, self-contained, escaped, and readable without seeing it."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from itertools import pairwise

import pytest

from gestalt_space.pages.environment import POLICY
from tests.pages.conftest import NASTY
from tests.pages.parsed import Page

NAMES = ("demo", "evaluation", "report", "matrix", "two sets", "map")


@pytest.fixture(scope="module")
def parsed(nasty_pages: dict[str, str]) -> dict[str, Page]:
    return {name: Page(text) for name, text in nasty_pages.items()}


def attributes(page: Page) -> Iterator[tuple[str, str]]:
    for _, found in page.elements:
        yield from ((name, value or "") for name, value in found.items())


def test_these_are_all_pages(parsed: dict[str, Page]):
    assert tuple(parsed) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_names_are_text_whatever_they_are(parsed: dict[str, Page], name: str):
    page = parsed[name]
    assert page.open == []
    assert NASTY in page.text or NASTY in " ".join(value for _, value in attributes(page))
    assert not [attribute for attribute, _ in attributes(page) if attribute.startswith("on")]
    own = [text for kind, text in page.scripts if kind is None]
    assert all("alert" not in text for text in own)
    assert len(page.of("style")) == 1


@pytest.mark.parametrize("name", NAMES)
def test_a_page_loads_nothing_and_runs_its_own_scripts_alone(
    nasty_pages: dict[str, str], parsed: dict[str, Page], name: str
):
    page = parsed[name]
    assert all(address.startswith("data:image/") for address in page.addresses)
    (policy,) = [meta["content"] for meta in page.of("meta") if "http-equiv" in meta]
    own = [text for kind, text in page.scripts if kind is None]
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in own]
    allowed = " ".join(f"'sha256-{one}'" for one in hashes)
    assert policy == (f"{POLICY}; script-src {allowed}" if own else POLICY)
    assert not {"link", "iframe", "object", "embed", "base"} & {tag for tag, _ in page.elements}
    assert nasty_pages[name].startswith("<!DOCTYPE html>\n<html lang")
    assert {"charset": "utf-8"} in page.of("meta")


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_readable_without_seeing_it(parsed: dict[str, Page], name: str):
    page = parsed[name]
    headings = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == 1
    assert headings.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(headings))
    assert all(image["alt"] for image in page.of("img"))
    drawings = [svg for svg in page.of("svg") if "role" in svg]
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in drawings)
    assert len(page.of("caption")) == len(page.of("table"))
    assert all(cell.get("scope") in ("col", "row") for cell in page.of("th"))
    (skip,) = [link for link in page.of("a") if link.get("class") == "skip"]
    assert skip["href"] == "#" + str(page.of("main")[0]["id"])
    labelled = {label["for"] for label in page.of("label")}
    assert {field["id"] for field in page.of("input")} == labelled
    if any("pointed" in str(value) for key, value in attributes(page) if key == "class"):
        assert {"role": "status", "aria-live": "polite"}.items() <= next(
            one.items() for one in page.of("p") if "told" in str(one.get("class"))
        )


@pytest.mark.parametrize("name", NAMES)
def test_no_identifier_is_there_twice(parsed: dict[str, Page], name: str):
    identifiers = [value for key, value in attributes(parsed[name]) if key == "id"]
    assert sorted(set(identifiers)) == sorted(identifiers)
    targets = {value[1:] for key, value in attributes(parsed[name]) if key == "xlink:href"}
    assert {one for one in targets if not one.startswith("ata:")} <= set(identifiers)


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_is_not(parsed: dict[str, Page], name: str):
    assert "A research tool, not a medical device" in parsed[name].text
