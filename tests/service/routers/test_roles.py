"""Every route, and from which role on it answers: whoever adds one says it here."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from gestalt_space.store.accounts import Role
from gestalt_space.store.service_tables import ROLES
from tests.service.conftest import SignIn

ROUTES: dict[tuple[str, str], Role | None] = {
    ("GET", "/health/live"): None,
    ("GET", "/health/ready"): None,
    ("GET", "/status"): None,
    ("POST", "/api/v1/session"): None,
    ("GET", "/api/v1/session"): "reader",
    ("DELETE", "/api/v1/session"): "reader",
    ("POST", "/api/v1/descriptors/match"): "site",
    ("POST", "/api/v1/match"): "reader",
    ("POST", "/api/v1/evidence"): "reader",
    ("POST", "/api/v1/faces"): "reader",
    ("GET", "/api/v1/faces/{patient}/crop"): "reader",
    ("GET", "/api/v1/patients"): "reader",
    ("POST", "/api/v1/patients/match"): "reader",
    ("GET", "/api/v1/patients/{patient}"): "reader",
    ("GET", "/api/v1/statistics"): "reader",
    ("GET", "/api/v1/models"): "reader",
    ("GET", "/api/v1/spaces"): "reader",
    ("GET", "/api/v1/tokens"): "reader",
    ("POST", "/api/v1/tokens"): "reader",
    ("DELETE", "/api/v1/tokens/{number}"): "reader",
    ("POST", "/api/v1/jobs/{kind}"): "reader",
    ("GET", "/api/v1/jobs"): "reader",
    ("GET", "/api/v1/jobs/{key}"): "reader",
    ("DELETE", "/api/v1/jobs/{key}"): "reader",
    ("GET", "/api/v1/jobs/{key}/result"): "reader",
    ("GET", "/api/v1/jobs/{key}/files/{name}"): "reader",
    ("POST", "/predict"): "reader",
    ("POST", "/crop"): "reader",
    ("POST", "/encode"): "reader",
    ("POST", "/encode_file"): "reader",
    ("POST", "/api/v1/patients"): "contributor",
    ("PATCH", "/api/v1/patients/{patient}"): "curator",
    ("POST", "/api/v1/removals"): "curator",
    ("POST", "/api/v1/moves"): "curator",
    ("POST", "/api/v1/merges"): "curator",
    ("POST", "/api/v1/splits"): "curator",
    ("POST", "/api/v1/consents"): "curator",
    ("POST", "/api/v1/undos"): "curator",
    ("GET", "/api/v1/erasures"): "curator",
    ("POST", "/api/v1/erasures"): "curator",
    ("PUT", "/api/v1/spaces/default"): "admin",
    ("GET", "/api/v1/audit"): "admin",
    ("GET", "/api/v1/audit/head"): "admin",
    ("GET", "/api/v1/audit/check"): "admin",
    ("GET", "/api/v1/users"): "admin",
    ("POST", "/api/v1/users"): "admin",
    ("PATCH", "/api/v1/users/{name}"): "admin",
    ("DELETE", "/api/v1/users/{name}"): "admin",
    ("GET", "/metrics"): "admin",
}


def test_every_route_of_the_api_is_here(client: TestClient) -> None:
    described: dict[str, Any] = client.get("/api/v1/openapi.json").json()["paths"]
    found = {(method.upper(), path) for path, ways in described.items() for method in ways}
    assert found == {*ROUTES}


@pytest.mark.parametrize("below", [None, *ROLES[:-1]])
def test_nobody_below_the_role_of_a_route_is_answered(
    client: TestClient, sign_in: SignIn, below: Role | None
) -> None:
    who = sign_in(below or "reader")
    headers = {} if below is None else who
    rank = -1 if below is None else ROLES.index(below)
    refused = [way for way, role in ROUTES.items() if role and ROLES.index(role) > rank]
    assert refused
    for method, path in refused:
        answer = client.request(method, path.replace("{number}", "1"), headers=headers, json={})
        error = answer.json()["error"]
        expected = (401, "not_authenticated") if below is None else (403, "not_allowed")
        assert (answer.status_code, error["code"]) == expected, (method, path)
        assert error["hint"]


@pytest.mark.parametrize("role", ROLES)
def test_from_the_role_of_a_route_on_it_is_not_refused(
    client: TestClient, sign_in: SignIn, role: Role
) -> None:
    headers = sign_in(role)
    for method, path in [way for way, of in ROUTES.items() if of == role]:
        if path in ("/api/v1/tokens", "/api/v1/session"):
            continue  # test_users.py and test_session.py have these
        where = path.replace("{number}", "99").replace("{patient}", "P0")
        answer = client.request(method, where, headers=headers, json={})
        assert answer.status_code not in (401, 403), (method, path, answer.text)
        assert answer.status_code < 500
