from __future__ import annotations

import time
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.service.conftest import SignIn

COHESION = {"disorder": ["OMIM:122470"], "permutations": 100}


def ended(client: TestClient, key: str, **options: Any) -> dict[str, Any]:
    """The job when it has ended."""
    for _ in range(600):
        job: dict[str, Any] = client.get(f"/api/v1/jobs/{key}", **options).json()["job"]
        if job["state"] not in ("queued", "running"):
            return job
        time.sleep(0.1)
    raise AssertionError("the job does not end")


def test_a_job_gives_the_document_and_the_files_of_its_command(client: TestClient) -> None:
    asked = client.post("/api/v1/jobs/matrix", json={"unit": "patient"})
    assert asked.status_code == 202
    key = asked.json()["job"]["id"]
    job = ended(client, key)
    assert (job["state"], job["error"]) == ("done", None)
    assert job["files"] == ["matrix.csv", "matrix.csv.json", "matrix.html", "matrix.png"]
    document = client.get(f"/api/v1/jobs/{key}/result").json()
    assert document["document"].startswith("matrix")
    table = client.get(f"/api/v1/jobs/{key}/files/matrix.csv")
    assert table.text.splitlines()[0].split(",")[1:] == ["P0", "P1", "P2", "P3"]
    page = client.get(f"/api/v1/jobs/{key}/files/matrix.html")
    assert page.headers["content-security-policy"].startswith("sandbox")
    assert client.delete(f"/api/v1/jobs/{key}").json()["job"]["files"] == []
    assert client.get(f"/api/v1/jobs/{key}/result").status_code == 404


@pytest.mark.parametrize(
    "request_",
    [{"force": True}, {"permutations": -1}, {"permutations": "10"}, {"disorder": "OMIM:1"}],
)
def test_only_options_of_the_command_are_taken(client: TestClient, request_: Any) -> None:
    assert client.post("/api/v1/jobs/cohesion", json=request_).status_code == 400
    assert client.post("/api/v1/jobs/rm", json={}).status_code == 400


@pytest.mark.parametrize(
    ("kind", "request_"),
    [
        ("comparison", '{"prior": NaN}'),
        ("map", '{"perplexity": Infinity}'),
        ("clusters", '{"margin": -Infinity}'),
        ("map", r'{"cohort": ["\ud800"]}'),
        ("map", r'{"cohort": ["a\u0000b"]}'),
        ("map", r'{"method": "a\u0000b"}'),
        ("map", r'{"patients": ["P0\nP1"]}'),
        ("map", r'{"space": "\udfff"}'),
        ("matrix", '{"cohort": ["' + "x" * 1001 + '"]}'),
    ],
)
def test_an_option_that_no_command_can_be_given_is_refused(
    client: TestClient, kind: str, request_: str
) -> None:
    headers = {"Content-Type": "application/json"}
    reply = client.post(f"/api/v1/jobs/{kind}", content=request_, headers=headers)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "usage")
    assert client.get("/api/v1/jobs").json()["jobs"] == []


def test_a_job_is_its_user_s_and_an_admin_s(client: TestClient, sign_in: SignIn) -> None:
    mine, other, admin = sign_in("reader"), sign_in("contributor"), sign_in("admin")
    asked = client.post("/api/v1/jobs/cohesion", json=COHESION, headers=mine)
    key = asked.json()["job"]["id"]
    client.delete(f"/api/v1/jobs/{key}", headers=mine)
    assert client.get(f"/api/v1/jobs/{key}", headers=other).status_code == 403
    assert client.get("/api/v1/jobs", headers=other).json()["jobs"] == []
    assert client.get(f"/api/v1/jobs/{key}", headers=admin).status_code == 200
    assert len(client.get("/api/v1/jobs", headers=admin).json()["jobs"]) == 1
