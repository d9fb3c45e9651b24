"""Other hospitals, asked on behalf of a user: only those that the settings of the service name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Form
from starlette.concurrency import run_in_threadpool

from gestalt_space.documents.matches import MatchDocument
from gestalt_space.errors import UsageError
from gestalt_space.home import Gallery
from gestalt_space.match.answer import Match
from gestalt_space.match.probe import Probe
from gestalt_space.match.question import Question
from gestalt_space.service.access import Principal
from gestalt_space.sites.asking import ask_sites, check_question
from gestalt_space.sites.documents import add_sites
from gestalt_space.sites.site import Site, chosen_sites

AskedSiteNames = Annotated[
    list[str],
    Form(
        description="Other hospitals to ask, by their names in the settings of the service. Needs "
        "the role contributor."
    ),
]


@dataclass(frozen=True, slots=True)
class Answered:
    """A match as a document, and what it came from: a gallery, its probes and their matches."""

    document: MatchDocument
    gallery: Gallery
    probes: Sequence[Probe]
    matches: Sequence[Match]
    question: Question


def sites_for(
    principal: Principal, gallery: Gallery, names: Sequence[str], question: Question
) -> tuple[Site, ...]:
    """The sites of a form. Raises `NotAllowed`, and `UsageError` for a name that the settings do
    not have, an address too: nobody may let the service send something anywhere."""
    if not names:
        return ()
    principal.require("contributor")
    check_question(question)
    known = gallery.settings.sites
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageError(
            f"The service knows no site {unknown[0][:100]!r}.",
            f"Known sites: {', '.join(known) or 'none'}.",
        )
    try:
        return chosen_sites(gallery.settings, names)
    except UsageError as error:
        # It tells of files of this machine.
        raise UsageError(
            f"The service cannot ask {' and '.join(names)}.",
            "An admin runs `gestalt match --ask` with that name, which says why.",
        ) from error


async def with_sites(answered: Answered, sites: Sequence[Site]) -> MatchDocument:
    """The document of a match, with what other hospitals say. They are waited for outside of the
    threads that work on photos."""
    if sites:
        asked = await run_in_threadpool(
            ask_sites,
            answered.gallery,
            sites,
            answered.probes,
            answered.matches,
            answered.question,
        )
        add_sites(answered.document, asked)
    return answered.document
