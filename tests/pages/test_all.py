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

NAMES = ("demo", "evaluation", "report", "matrix", "two sets", "map", "explanation")


@pytest.fixture(scope="module")
def parsed(nasty_pages: dict[str, str]) -> dict[str, Page]:
    return {name: Page(text) for name, text in nasty_pages.items()}


def attributes(page: Page) -> Iterator[tuple[str, str]]:
    for _, found in page.elements:
        yield from ((name, value or "") for name, value in found.items())


def own_scripts(page: Page) -> list[str]:
    return [text for kind, text in page.scripts if kind is None]


def test_names_are_text_whatever_they_are(parsed: dict[str, Page]):
    assert tuple(parsed) == NAMES
    for name, page in parsed.items():
        assert page.open == [], name
        assert NASTY in page.text, name
        assert not [one for one, _ in attributes(page) if one.startswith("on")], name
        assert all("alert" not in text for text in own_scripts(page)), name
        assert len(page.of("style")) == 1, name


def test_a_page_loads_nothing_and_runs_its_own_scripts_alone(
    nasty_pages: dict[str, str], parsed: dict[str, Page]
):
    for name, page in parsed.items():
        assert all(address.startswith("data:image/") for address in page.addresses), name
        (policy,) = [meta["content"] for meta in page.of("meta") if "http-equiv" in meta]
        digests = [hashlib.sha256(text.encode()).digest() for text in own_scripts(page)]
        hashes = [f"'sha256-{base64.b64encode(one).decode()}'" for one in digests]
        allowed = f"; script-src {' '.join(hashes)}" if hashes else ""
        assert policy == POLICY + allowed, name
        loading = {"link", "iframe", "object", "embed", "base"}
        assert not loading & {tag for tag, _ in page.elements}, name
        assert nasty_pages[name].startswith("<!DOCTYPE html>\n<html lang"), name
        assert {"charset": "utf-8"} in page.of("meta"), name


def test_a_page_is_readable_without_seeing_it(parsed: dict[str, Page]):
    for name, page in parsed.items():
        headings = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
        assert headings[0] == 1, name
        assert headings.count(1) == 1, name
        assert all(after <= before + 1 for before, after in pairwise(headings)), name
        assert all(image["alt"] for image in page.of("img")), name
        drawings = [svg for svg in page.of("svg") if svg.get("role") == "img"]
        assert len(drawings) == len(page.of("svg")), name
        assert all(svg["aria-label"] for svg in drawings), name
        assert len(page.of("caption")) == len(page.of("table")), name
        assert all(cell.get("scope") in ("col", "row") for cell in page.of("th")), name
        (skip,) = page.of("a")
        assert skip["href"] == f"#{page.of('main')[0]['id']}", name
        labelled = {label["for"] for label in page.of("label")}
        assert {field["id"] for field in page.of("input")} == labelled, name
        pointed = [one for one in page.of("div") if "pointed" in str(one.get("class"))]
        live = [one for one in page.of("p") if one.get("aria-live") == "polite"]
        assert all(one["aria-label"] for one in pointed), name
        telling = [one for one in page.of("div") if one.get("class") == "telling"]
        assert len(live) == len(telling), name
        assert bool(pointed) == bool(telling), name


def test_no_identifier_is_there_twice(parsed: dict[str, Page]):
    for name, page in parsed.items():
        identifiers = [value for key, value in attributes(page) if key == "id"]
        assert len(set(identifiers)) == len(identifiers), name
        found = [value for key, value in attributes(page) if key == "xlink:href"]
        assert {one[1:] for one in found if one.startswith("#")} <= set(identifiers), name


def test_it_says_what_it_is_not(parsed: dict[str, Page]):
    for name, page in parsed.items():
        assert "A research tool, not a medical device" in page.text, name
