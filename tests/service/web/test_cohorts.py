"""The page Cohorts: what is asked of whom, and what is shown of a result."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from gestalt_space.home import Gallery
from gestalt_space.service.dependencies import parts_of
from gestalt_space.service.jobs.kinds import KINDS
from gestalt_space.service.web.cohorts import (
    KIND_NAMES,
    OFFERED,
    ChosenForm,
    figures_of,
    request_of,
)
from gestalt_space.store import jobs
from tests.pages.conftest import NASTY
from tests.pages.parsed import Page
from tests.service.conftest import SignIn

HTML = {"Accept": "text/html"}
COHESION = {
    "document": "cohesion",
    "cohesion": {"patients": 3, "similarity": 0.5, "random_mean": None, "percentile": 99.0,
                 "p": 0.01},
}  # fmt: skip


@pytest.fixture
def idle(client: TestClient) -> TestClient:
    """A service whose jobs wait: what is shown of them is not what they compute."""
    parts_of(client.app).runner.close()  # type: ignore[arg-type]
    return client


def ended(gallery: Gallery, document: dict[str, Any], *files: str) -> str:
    """A job of this machine that is done."""
    home = gallery.own_home() or ""
    with gallery.database.writing() as session:
        job = jobs.add_job(session, home, "this machine", "cohesion", {"cohort": [NASTY]})
        assert jobs.claim_job(session, home)
        jobs.finish_job(session, job.id, json.dumps(document), dict.fromkeys(files, b"x"))
    return job.id


def test_every_kind_of_job_is_offered_here_or_to_admins():
    assert KIND_NAMES.keys() == KINDS.keys()
    assert {kind.name for kind in KINDS.values() if kind.role == "reader"} == OFFERED.keys()


@pytest.mark.parametrize(
    ("form", "request_"),
    [
        ({"kind": "map", "cohort": " A; B ;", "b_gene": "X"}, {"cohort": ["A", "B"]}),
        ({"kind": "matrix", "patients": "P 1\r\nP/2\n"},
         {"patients": ["P 1", "P/2"], "unit": "patient"}),
        ({"kind": "comparison", "gene": "A", "b_patients": "P1"},
         {"a_gene": ["A"], "b_patients": ["P1"]}),
        ({"kind": "evaluation", "cohort": "A"}, {}),
    ],
)  # fmt: skip
def test_a_form_is_the_options_of_a_job(form: dict[str, str], request_: dict[str, Any]):
    found = request_of(ChosenForm(**form))
    assert found == request_
    assert KINDS[form["kind"]].check(found) == request_


def test_a_job_begins_and_is_cancelled(idle: TestClient):
    answer = idle.post("/cohorts", data={"kind": "cohesion", "disorder": "OMIM:122470"})
    page = Page(answer.text)
    assert "waiting" in page.text
    assert [one for one in page.of("tr") if "data-running" in one]
    (form,) = page.of("form")
    assert form["method"] == "post"
    assert idle.post(form["action"] or "").status_code == 204
    assert "cancelled" in Page(idle.get("/cohorts/jobs").text).text
    assert idle.post("/cohorts", data={"kind": "rm"}).status_code == 400


def test_a_job_that_ends_before_it_is_cancelled_keeps_its_result(
    idle: TestClient, gallery: Gallery, sign_in: SignIn
):
    key = ended(gallery, COHESION, "tree.svg")
    reader, admin = sign_in("reader"), sign_in("admin")
    address = f"/cohorts/jobs/{key}"
    assert idle.post(f"{address}/cancel", headers=reader).status_code == 403
    assert idle.post(f"{address}/cancel", headers=admin).status_code == 204
    assert "0.500" in idle.get(address, headers={**HTML, **admin}).text


def test_a_result_is_shown_with_its_files(idle: TestClient, gallery: Gallery):
    document = {**COHESION, "warnings": [NASTY], "findings": [
        {"subject": NASTY, "estimand": "e", "estimate": 0.25, "n": 2, "unit": "families",
         "low": None, "high": None, "p": None},
    ]}  # fmt: skip
    key = ended(gallery, document, "tree.svg", "map.html", "table.csv")
    answer = idle.get(f"/cohorts/jobs/{key}", headers=HTML)
    page = Page(answer.text)
    assert page.open == []
    assert "<script>alert" not in answer.text
    assert "0.500" in page.text
    assert "– – –" not in page.text
    assert [one["src"] for one in page.of("img")][1:] == [f"/api/v1/jobs/{key}/files/tree.svg"]
    listed = idle.get("/cohorts", headers=HTML)
    assert "<script>alert" not in listed.text
    assert f"/cohorts/jobs/{key}" in [one["href"] for one in Page(listed.text).of("a")]
    assert idle.delete(f"/api/v1/jobs/{key}").status_code == 200
    deleted = Page(idle.get("/cohorts", headers=HTML).text)
    assert f"/cohorts/jobs/{key}" not in [one["href"] for one in deleted.of("a")]
    assert "deleted" in deleted.text
    missing = idle.get("/cohorts/jobs/none", headers=HTML)
    assert missing.status_code == 404


def test_a_job_is_its_users(idle: TestClient, gallery: Gallery, sign_in: SignIn):
    key = ended(gallery, COHESION)
    reader, admin = sign_in("reader"), sign_in("admin")
    assert idle.get(f"/cohorts/jobs/{key}", headers=reader).status_code == 403
    assert idle.get(f"/cohorts/jobs/{key}", headers=admin).status_code == 200
    assert key not in idle.get("/cohorts", headers=reader).text


def test_the_main_figures_of_an_evaluation_are_shares(idle: TestClient, gallery: Gallery):
    top = {"1": {"value": 0.5}, "10": {"value": 1.0}}
    counts, aggregations = {"asked_patients": 4}, {"nearest": {"patients": {"top": top}}}
    space = {"counts": counts, "aggregations": aggregations}
    document = {"document": "evaluation", "spaces": [space]}
    assert [one.value for one in figures_of(document)] == [4, 50.0, 100.0]
    key = ended(gallery, document)
    for language in ("en", "de", "zh-TW"):
        headers = {**HTML, "Accept-Language": language}
        assert "100.0" in idle.get(f"/cohorts/jobs/{key}", headers=headers).text.replace(",", ".")
