"""What the service alone answers: who asks, and erasures that are not done yet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from gestalt_space.documents.form import Form, time_text
from gestalt_space.store.accounts import Role
from gestalt_space.store.erasures import UnfinishedErasure


class SessionDocument(Form):
    """Who asks. `by`: how they showed it; `csrf`: what the header X-CSRF-Token of each request has
    to say that changes something, null where no cookie is used."""

    document: Literal["session"]
    version: Literal[1]
    user: str
    role: Literal["site", "reader", "contributor", "curator", "admin"]
    by: Literal["this machine", "token", "password", "login"]
    csrf: str | None


class BegunForm(Form):
    """An erasure that is not done yet. `found`: whether the last search found something still."""

    number: int
    begun_at: str
    by: str
    found: bool


class ErasuresDocument(Form):
    """The erasures that are not done yet, the oldest first."""

    document: Literal["erasures"]
    version: Literal[1]
    begun: list[BegunForm]


def session_document(user: str, role: Role, by: Any, csrf: str | None) -> SessionDocument:
    """Who asks."""
    return {
        "document": "session",
        "version": 1,
        "user": user,
        "role": role,
        "by": by,
        "csrf": csrf,
    }


def erasures_document(begun: Iterable[UnfinishedErasure]) -> ErasuresDocument:
    """The erasures that are not done yet."""
    return {
        "document": "erasures",
        "version": 1,
        "begun": [
            {
                "number": one.id,
                "begun_at": time_text(one.at),
                "by": one.actor,
                "found": bool(one.plan.get("left")),
            }
            for one in begun
        ],
    }
