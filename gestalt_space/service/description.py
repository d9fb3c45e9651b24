"""The description of the API (OpenAPI): FastAPI's, with how to say who asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

from gestalt_space.service.dependencies import COOKIE

SCHEMES = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token: `gestalt user token NAME`, or POST /api/v1/tokens.",
    },
    "password": {"type": "http", "scheme": "basic"},
    "login": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "Set by POST /api/v1/session. What changes something needs the header "
        "X-CSRF-Token as well: GET /api/v1/session says it.",
    },
}
LOG_IN = ("/api/v1/session", "post")


def described(plain: Callable[[], dict[str, Any]], app: FastAPI) -> Callable[[], dict[str, Any]]:
    """What is to be `app.openapi`: `plain`, completed once."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = plain()
            document.setdefault("components", {})["securitySchemes"] = SCHEMES
            # Without users, on this machine, nobody has to say who asks.
            document["security"] = [{}, *({name: []} for name in SCHEMES)]
            for path, operations in document["paths"].items():
                for method, operation in operations.items():
                    if path.startswith("/health/") or (path, method) == LOG_IN:
                        operation["security"] = []
            app.openapi_schema = document
        return app.openapi_schema

    return describe
