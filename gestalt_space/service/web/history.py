"""What was done to one patient, in the reader's language. What was done to others at the same time
is not told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gestalt_space.gallery.trail import LoggedEvent
from gestalt_space.service.web.languages import Language, translations
from gestalt_space.service.web.words import ACTIONS, N_
from gestalt_space.store.differences import Change, Kind, differences

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

_CHANGES: dict[Kind, str] = {
    "made": N_("{patient}: new"),
    "gone": N_("{patient}: not in the gallery any more"),
    "fact": "{what}: {old} → {new}",
    "moved": N_("Photo {what}: {old} → {new}"),
    "age": N_("Age in photo {what}: {old} → {new}"),
    "site": N_("Place where photo {what} was taken: {old} → {new}"),
    "dropped": N_("Photo {what} of {patient}: removed, the same photo is already there"),
    "restored": N_("Photo {what} of {patient}: restored"),
    "of disorder": N_("{what} of {disorder}: {old} → {new}"),
}
_OF_DISORDER = {"name": N_("Name of the disorder"), "genes": N_("Gene")}
_VALUES = {"female": N_("female"), "male": N_("male"), "other": N_("other"),
           "withdrawn": N_("withdrawn")}  # fmt: skip
_OF_WORDS = ("sex", "consent")
_EMPTY = N_("(empty)")


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
    changes = differences(detail["before"], detail["after"]) if "before" in detail else ()
    for change in changes:
        yield Line(told(change, language))
    known = set(map(str, changes))
    for line in detail.get("changes", ()):
        if line not in known:
            yield Line(line, is_english=True)


def told(change: Change, language: Language) -> str:
    """What a correction changed, in the reader's language."""
    say = translations(language).gettext

    def value(text: str) -> str:
        if not text:
            return say(_EMPTY)
        return say(_VALUES[text]) if change.what in _OF_WORDS and text in _VALUES else text

    names = {"fact": FACTS, "of disorder": _OF_DISORDER}.get(change.kind, {})
    text = say(_CHANGES[change.kind]).format(
        what=say(names[change.what]) if change.what in names else change.what,
        old=value(change.old),
        new=value(change.new),
        patient=change.patient,
        disorder=change.disorder,
    )
    return f"{change.patient}: {text}" if change.kind == "fact" and change.patient else text
