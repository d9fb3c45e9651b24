"""Whether the crops outside the database can be reached, and what of them is still to be done."""

from __future__ import annotations

from collections.abc import Iterator

from gestalt_space.counts import counted_text
from gestalt_space.crops.keys import no_key, read_keys
from gestalt_space.crops.places import checked_url
from gestalt_space.gallery.inspecting.findings import CheckFinding, guarded
from gestalt_space.gallery.opened import OpenGallery
from gestalt_space.paths import display_name
from gestalt_space.settings import Settings
from gestalt_space.store import crop_moves
from gestalt_space.store.crops import newest_object


def without_wrong_crops(settings: Settings) -> tuple[Settings, list[CheckFinding]]:
    """Settings with which a gallery can be opened, and what is wrong with those of the crops:
    GESTALT_CROPS is no place, or GESTALT_CROPS_KEY_FILE cannot be used."""
    found = list(guarded("crops", _settings_of_crops(settings)))
    if any(one.state == "fail" for one in found):
        settings = settings.model_copy(update={"crops": None})
    return settings, found


def _settings_of_crops(settings: Settings) -> Iterator[CheckFinding]:
    if settings.crops is not None:
        checked_url(settings.crops)
    if settings.crops_key_file is not None and not read_keys(settings).keys:
        raise no_key()
    yield from ()


def inspect_crops(gallery: OpenGallery) -> Iterator[CheckFinding]:
    """Each place of crops: one of them is read."""
    with gallery.database.reading() as session:
        places = crop_moves.known_places(session)
        samples = {one.id: newest_object(session, one.url) for one in places}
    base = gallery.settings.crops
    if base is not None and not any(one.url.startswith(f"{checked_url(base)}/") for one in places):
        key = gallery.crop_store.key_id
        detail = f"new crops go to {display_name(base)}, encrypted with the key {key}; none yet"
        yield CheckFinding("crops", "note", detail)
    for place in places:
        where, told = display_name(place.url), counted_text(place.crops, "crop")
        sample = samples[place.id]
        if place.waiting:
            yield CheckFinding(
                "crops",
                "note",
                f"{counted_text(place.waiting, 'crop')} of removed photos in {where} to be deleted",
                "Run `gestalt index crops check`."
                if not place.is_shared
                else "Run `gestalt index crops claim` if the gallery that this one was restored "
                "from no longer exists.",
            )
        if sample is None:
            continue
        if gallery.crop_store.get([sample])[sample]:
            yield CheckFinding("crops", "ok", f"{told} in {where}, encrypted; one was read")
        else:
            yield CheckFinding(
                "crops",
                "fail",
                f"a crop in {where} is missing or damaged",
                "Run `gestalt index crops check --read`.",
            )
