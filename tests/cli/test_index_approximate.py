"""`gestalt index approximate`, and `gestalt match --index`."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from tests import made
from tests.cli.conftest import Command
from tests.galleries import open_gallery
from tests.many import fill_gallery
from tests.prepared import Prepared

ALIGNED = ("--detector", "aligned")


@pytest.fixture
def large(home: Path, rng: np.random.Generator, prepared: Prepared) -> Path:
    vectors = made.unit(rng, 600, 16)

    def fill() -> None:
        with open_gallery(home) as gallery:
            fill_gallery(gallery, np.arange(600) // 2, vectors, 40)

    return prepared("large", home, fill)


def test_building_says_what_is_found_and_that_it_does_not_pay(
    large: Path, gestalt: Command
) -> None:
    said = gestalt("index", "approximate", "--kind", "ivf", "--lists", 14, "--probes", 1)
    assert said.code == 0
    assert "% of the 10 nearest photos, measured on 60 photos" in said.err
    assert "Below 100,000 photos, exact search is about as fast" in said.err
    document = gestalt("index", "approximate", "--kind", "hnsw", "--json").document
    assert document["pays"] is False
    assert document["approximate"]["rows"] == 600
    assert document["approximate"]["options"] == {"links": 32, "breadth": 128}
    assert 0.5 < document["approximate"]["recall"] <= 1
    wrong = gestalt("index", "approximate", "--kind", "annoy")
    assert (wrong.code, "ivf, hnsw" in wrong.err) == (2, True)


def test_a_match_says_that_it_is_approximate(
    large: Path, photos: list[Path], gestalt: Command
) -> None:
    missing = gestalt("match", photos[0], "--index", "ivf", *ALIGNED)
    assert missing.code != 0
    assert "gestalt index approximate --kind ivf" in missing.err
    gestalt("index", "approximate", "--kind", "ivf", "--lists", 14, "--probes", 1)
    match = ("match", photos[0], "--index", "ivf", *ALIGNED)
    document = gestalt(*match, "--json").document
    told = document["gallery"]["approximate"]
    assert document["question"]["index"] == "ivf"
    assert told["options"] == {"lists": 14, "probes": 1}
    assert (told["measured_on"], told["photos"], told["later_photos"]) == (60, 600, 0)
    text = f"approximate (ivf): recall@10 {told['recall_at_10']:.2f} measured on 60 photos"
    assert text in gestalt(*match).out
    assert text in gestalt(*match, "--quiet").out
    rows = list(csv.DictReader(io.StringIO(gestalt(*match, "--csv", "-").out)))
    assert {line["approximate"] for line in rows} == {text}
    exact = gestalt("match", photos[0], *ALIGNED)
    assert "approximate" not in exact.out
    assert (
        gestalt("match", photos[0], "--json", *ALIGNED).document["gallery"]["approximate"] is None
    )


def test_what_cannot_say_so_is_refused(large: Path, photos: list[Path], gestalt: Command) -> None:
    gestalt("index", "approximate", "--kind", "ivf")
    match = ("match", photos[0], "--index", "ivf", *ALIGNED)
    for more in (("--among", "sex=female"), ("--aggregation", "vote"), ("--index", "flat")):
        refused = gestalt(*match, *more)
        assert (refused.code, "Error" in refused.err) == (2, True)
    refused = gestalt(*match, "--format", "gestaltmatcher")
    assert "has no field for an approximate index" in refused.err
