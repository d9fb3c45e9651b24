"""Whether other hospitals can be asked and answered, as far as this machine knows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from gestalt_space.counts import counted_text
from gestalt_space.gallery.inspecting.findings import CheckFinding, guarded
from gestalt_space.settings import Settings
from gestalt_space.sites.site import chosen_sites
from gestalt_space.store.engine import Database
from gestalt_space.store.reads import consent_counts

SUBJECT = "other hospitals"


def inspect_sites(settings: Settings) -> Iterator[CheckFinding]:
    """The sites of the settings and the consents that cover them; nothing where there are none."""
    for name in settings.sites:
        yield from guarded(f"hospital {name}", _site(settings, name))
    if settings.site_consents:
        yield from guarded(SUBJECT, _consents(settings))


def _site(settings: Settings, name: str) -> Iterator[CheckFinding]:
    (site,) = chosen_sites(settings, [name])
    yield CheckFinding(f"hospital {name}", "ok", f"may be asked at {site.address}; not tried")


def _consents(settings: Settings) -> Iterator[CheckFinding]:
    with closing(Database(settings.database, create=False)) as database:
        if not database.exists():
            return
        with database.reading() as session:
            counts = consent_counts(session)
    covered = {text.lower() for text in settings.site_consents}
    patients = sum(count for text, count in counts.items() if text.lower() in covered)
    told = f"{counted_text(patients, 'patient')} with a consent of `site_consents`"
    if patients:
        yield CheckFinding(SUBJECT, "ok", told)
    else:
        hint = "Write consents as the gallery has them: `gestalt index list --csv FILE`."
        yield CheckFinding(SUBJECT, "note", told, hint)
