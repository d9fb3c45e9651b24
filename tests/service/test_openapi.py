"""The description of the API, and requests that are made of it."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from starlette.testclient import TestClient

from gestalt_space.home import Gallery
from gestalt_space.service.app import create_app
from gestalt_space.service.configuration import ServiceOptions
from tests.service.description import SNAPSHOT, described

HOST = "testserver"
"""What schemathesis calls a service without a network."""


def test_the_description_is_the_one_that_was_looked_at(gallery: Gallery) -> None:
    """`python -m tests.service.description` writes it anew."""
    assert described(gallery) == SNAPSHOT.read_text(encoding="utf-8")


def test_every_operation_says_its_errors_and_who_may_ask(client: TestClient) -> None:
    document = client.get("/api/v1/openapi.json").json()
    assert document["security"][1:] == [
        {name: []} for name in document["components"]["securitySchemes"]
    ]
    for path, ways in document["paths"].items():
        for method, operation in ways.items():
            assert operation["summary"], path
            if path.startswith("/health/"):
                assert operation["security"] == []
                continue
            for status in ("4XX", "5XX"):
                answer = operation["responses"][status]["content"]["application/json"]["schema"]
                assert answer == {"$ref": "#/components/schemas/ErrorDocument"}, (method, path)


def ask_at_random(gallery: Gallery, examples: int) -> int:
    """Ask every operation with made-up values; how many requests were made. Jobs are not begun."""
    app: Any = create_app(gallery, ServiceOptions(names=(HOST,)))
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app)
    asked = 0
    for result in schema.get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]

        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            nonlocal asked
            asked += 1
            case.call_and_validate(checks=[not_a_server_error])

        ask()
    return asked


def test_nothing_that_is_asked_at_random_is_a_fault(gallery: Gallery) -> None:
    assert ask_at_random(gallery, 1) > 40


@pytest.mark.slow
def test_nothing_of_much_that_is_asked_at_random_is_a_fault(gallery: Gallery) -> None:
    assert ask_at_random(gallery, 60) > 1500
