"""On whose behalf a session works: the system's user, or whom a service has let in."""

from __future__ import annotations

import getpass
import os

from sqlalchemy.orm import Session

from gestalt_space.paths import display_name

_KEY = "gestalt_actor"


def this_user() -> str:
    """The name of the system's user; the number where it has no name, as in some containers."""
    try:
        return display_name(getpass.getuser())
    except (KeyError, OSError, ImportError):
        return f"user {os.getuid()}" if hasattr(os, "getuid") else "unknown"


def session_info(actor: str) -> dict[str, str]:
    """What a session is given to know on whose behalf it works."""
    return {_KEY: actor}


def actor_of(session: Session) -> str:
    """On whose behalf a session works."""
    return str(session.info.get(_KEY) or this_user())
