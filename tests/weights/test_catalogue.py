from __future__ import annotations

import re
from urllib.parse import urlsplit

from gestalt_space.weights.catalogue import CATALOGUE, find_entry


def test_an_entry_is_found_by_its_name():
    for entry in CATALOGUE:
        assert find_entry(entry.name) is entry
    assert find_entry("arcface-mbf") is None
    assert find_entry("") is None


def test_no_name_stands_twice_and_every_name_can_be_a_models():
    names = [entry.name for entry in CATALOGUE]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name) for name in names)


def test_every_file_comes_by_https_and_is_pinned_by_its_sha256():
    for entry in CATALOGUE:
        parts = urlsplit(entry.url)
        assert parts.scheme == "https"
        assert parts.path.endswith((".zip", ".onnx"))
        assert re.fullmatch(r"[0-9a-f]{64}", entry.sha256 or "")
        assert entry.megabytes > 0


def test_no_two_entries_have_one_address_or_sha256():
    assert len({entry.url for entry in CATALOGUE}) == len(CATALOGUE)
    assert len({entry.sha256 for entry in CATALOGUE}) == len(CATALOGUE)


def test_every_entry_says_its_licence_and_terms():
    assert all(entry.title and entry.license and entry.terms for entry in CATALOGUE)
    assert {entry.name for entry in CATALOGUE if not entry.restricted} == {"yunet"}
    assert all("non-commercial" in entry.terms for entry in CATALOGUE if "insightface" in entry.url)
