"""What was done to one patient, in the reader's language. What was done to others at the same time
is not told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gestalt_space.gallery.trail import LoggedEvent
from gestalt_space.service.web.languages import Language, translations
from gestalt_space.service.web.words import ACTIONS, N_

FACTS: dict[str, str] = {
    "disorder": N_("Disorder"),
    "gene": N_("Gene"),
    "HPO": N_("Features of the face"),
    "sex": N_("Sex"),
    "ancestry": N_("Ancestry"),
    "cohort": N_("Cohort"),
    "family": N_("Family"),
    "consent": N_("Consent"),
}
"""Facts by their names in the changes of an event."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an event. `is_english`: whatever the reader's language is."""

    text: str
    is_english: bool = False


def lines_of(event: LoggedEvent, language: Language) -> Iterator[Line]:
    """What an event did to one patient. How many photos it had is left out where it had photos of
    several patients."""
    words = translations(language)
    detail = event.detail
    if detail is None:
        yield Line(words.gettext(N_("deleted when a patient or photo was removed")))
        return
    if "undone" in detail:
        action = words.gettext(ACTIONS.get(detail["action"], detail["action"]))
        yield Line(f"{detail['undone']}: {action}")
    if "photo" in detail:
        yield Line(f"{words.gettext(N_('Photo'))} {detail['photo']}")
    elif "photos" in detail and len(event.patients) + event.left == 1:
        yield Line(f"{words.gettext(N_('Photos'))}: {detail['photos']}")
    for change in detail.get("changes", ()):
        name, colon, told = change.partition(": ")
        if colon and name in FACTS:
            yield Line(f"{words.gettext(FACTS[name])}: {told}")
        else:
            yield Line(change, is_english=True)
