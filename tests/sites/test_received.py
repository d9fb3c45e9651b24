"""Answers of other hospitals that contradict themselves are refused, with the field that does;
those of our own service never are."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gestalt_space.documents.sites import site_answer_document
from gestalt_space.gallery.calibration.calibrating import refresh_calibration
from gestalt_space.home import Gallery
from gestalt_space.match.for_site import SiteQuestion
from gestalt_space.sites.answers import reply_of
from gestalt_space.sites.exchange import HttpAnswer
from gestalt_space.sites.replies import SiteReply
from gestalt_space.sites.site import Site
from gestalt_space.store.writes import NewPhoto
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.galleries import open_gallery
from tests.hospitals import DIM, PROBE, SHARED, fill, patient

SITE = Site("B", "https://b.example", "token")
QUESTION = SiteQuestion("0" * 64, PROBE)
NOT_FINITE = "input should be a finite number"


def line(rank: int = 1) -> dict[str, Any]:
    return {
        "rank": rank,
        "id": f"OMIM:{100_000 + rank}",
        "name": "a disorder",
        "similarity": 0.9 - rank / 100,
        "percentile": 99.0,
        "likelihood_ratio": {"value": 3.0, "lower": 1.0},
        "patients_at_least": 5,
        "photos_at_least": 5,
    }


def answer(**changed: Any) -> dict[str, Any]:
    whole = {
        "document": "site-answer",
        "version": 1,
        "space": QUESTION.fingerprint,
        "by": "disorder",
        "top": 10,
        "least_patients": 5,
        "patients_at_least": 100,
        "verdict": "close match",
        "lines": [line(1), line(2)],
    }
    return whole | changed


def with_line(**changed: Any) -> dict[str, Any]:
    """An answer whose second line is changed."""
    return answer(lines=[line(1), line(2) | changed])


def reply(document: Any, question: SiteQuestion = QUESTION) -> SiteReply:
    return reply_of(SITE, question, HttpAnswer(200, json.dumps(document).encode()))


def ratio(value: float, lower: float) -> dict[str, Any]:
    return with_line(likelihood_ratio={"value": value, "lower": lower})


@pytest.mark.parametrize(
    ("document", "told"),
    [
        # Forms.
        ([], "Its answer is broken: input should be an object."),
        (with_line(similarity=1.01), "`lines[1].similarity`: input should be less than or equal"),
        (with_line(similarity=math.nan), f"`lines[1].similarity`: {NOT_FINITE}"),
        (with_line(percentile=math.inf), f"`lines[1].percentile`: {NOT_FINITE}"),
        (
            with_line(percentile=-1.0),
            "`lines[1].percentile`: input should be greater than",
        ),
        (with_line(percentile=100.5), "`lines[1].percentile`: input should be less than or equal"),
        (ratio(math.nan, 0.0), f"`lines[1].likelihood_ratio.value`: {NOT_FINITE}"),
        (ratio(1.0, -0.1), "`lines[1].likelihood_ratio.lower`: input should be greater than"),
        (with_line(patients_at_least=-1), "`lines[1].patients_at_least`: input should be greater"),
        (answer(verdict="match"), "`verdict`: input should be 'close match', 'weak match' or"),
        # Figures that contradict each other.
        (ratio(3.0, 3.1), "`lines[1].likelihood_ratio.lower` is 3.1, above the value, 3."),
        (
            with_line(photos_at_least=2),
            "`lines[1].photos_at_least` is 2, fewer than the patients",
        ),
        (
            answer(patients_at_least=2),
            "`lines[0].patients_at_least` is 5, more than all patients",
        ),
        (
            answer(least_patients=10),
            "`lines[0].patients_at_least` is 5, fewer than `least_",
        ),
        (answer(top=1), "`lines` has 2 lines, more than `top`, 1"),
        (answer(lines=[]), "`verdict` is 'close match', but there is no line"),
        # No ranking.
        (with_line(rank=3), "`lines[1].rank` is 3, but it is line 2"),
        (
            with_line(similarity=0.95),
            "`lines[1].similarity` is greater than that of the line",
        ),
        (with_line(id=" omim:100001"), "`lines[1].id` is the same as that of `lines[0]`"),
        (with_line(id="OMIM:99"), "`lines[1].id` is no identifier of a disorder"),
        # Not what was asked.
        (answer(by="gene", lines=[], verdict=None), "`by` is 'gene', but the question was about"),
        (
            answer(top=12, lines=[line(rank) for rank in range(1, 12)]),
            "`lines` has 11 lines, more than asked for, 10",
        ),
    ],
)
def test_the_message_names_the_field_and_what_is_wrong(document: Any, told: str) -> None:
    found = reply(document)
    assert (found.state, found.answer) == ("invalid_answer", None)
    assert found.told is not None
    assert told in found.told
    assert found.told.startswith("Its answer is broken: ")
    assert found.told.endswith(".")


@pytest.mark.parametrize(
    "document",
    [
        answer(),
        answer(verdict=None, lines=[]),
        ratio(3.0, 3.0),
        answer(verdict="close match", lines=[line() | {"percentile": None}]),
        answer(verdict="close match", lines=[line() | {"percentile": 1.0}]),
        # 8 patients, where 7 are enough.
        answer(least_patients=7),
        with_line(similarity=line(1)["similarity"]),
        with_line(name="x" * 1000),
    ],
)
def test_what_contradicts_nothing_is_taken(document: Any) -> None:
    found = reply(document)
    assert (found.state, found.told) == ("answered", None)


def test_what_is_not_json() -> None:
    found = reply_of(SITE, QUESTION, HttpAnswer(200, b"<html>"))
    assert (found.state, found.told) == ("invalid_answer", "Its answer is not JSON.")


@pytest.fixture(scope="module")
def calibrated(
    tmp_path_factory: pytest.TempPathFactory, tiny_store: ModelStore
) -> Iterator[Gallery]:
    """A calibrated gallery: disorders of three patients, some with two photos, some with a
    gene."""
    photos: list[NewPhoto] = []
    for number in range(90):
        facts: dict[str, Any] = {"genes": (f"GENE{number % 7}",)} if number % 3 else {}
        disorder = f"OMIM:{100_000 + number // 3}"
        photos += [
            patient(f"P{number}", disorder, (seed % 19) / 25, seed, **facts)
            for seed in (number, 1000 + number)[: 1 + (number % 4 == 0)]
        ]
    home = fill(tmp_path_factory.mktemp("hospital") / "home", tiny_store, photos)
    with open_gallery(home) as gallery:
        space = gallery.stats().spaces[0][0]
        where = gallery.database, gallery._reader, space, gallery.settings.calibrating_dir
        assert refresh_calibration(*where, force=True)
        yield gallery


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    near=st.floats(0, 1),
    by=st.sampled_from(["disorder", "disorder", "gene"]),
    k=st.integers(1, 30),
    least=st.sampled_from([1, 2, 3, 7, 9]),
)
def test_every_answer_of_our_own_service_is_taken(
    calibrated: Gallery, seed: int, near: float, by: Any, k: int, least: int
) -> None:
    change = {"site_consents": (SHARED,), "site_least_patients": least}
    calibrated.settings = calibrated.settings.model_copy(update=change)
    mixed = near * PROBE + (1 - near) * made.unit(np.random.default_rng(seed), 1, DIM)[0]
    descriptor = (mixed / np.linalg.norm(mixed)).astype(np.float32)
    question = SiteQuestion(calibrated.space.fingerprint, descriptor, by, k)
    given_ = calibrated.answer_site(question)
    found = reply(site_answer_document(question, given_), question)
    assert (found.told, found.answer) == (None, given_)
