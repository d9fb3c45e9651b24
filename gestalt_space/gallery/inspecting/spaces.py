"""Whether each stored space is what its fingerprint says, and which one the gallery works in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gestalt_space.encoders.specification import EncoderSpec
from gestalt_space.errors import GestaltError
from gestalt_space.gallery.inspecting.findings import BACKUP, CheckFinding
from gestalt_space.gallery.listing import ListingMixin
from gestalt_space.gallery.spaces import install_command, mixed_precisions, model_of
from gestalt_space.store import reads
from gestalt_space.store.engine import Database
from gestalt_space.store.reads import StoredSpace
from gestalt_space.store.runs import run_counts
from gestalt_space.weights.store import BUILTIN, BUILTIN_CAUTION

_ANOTHER = "Others are listed by `gestalt models list`."


def inspect_spaces(gallery: ListingMixin, spaces: Sequence[StoredSpace]) -> Iterator[CheckFinding]:
    """The specification and model of each, and the one that the gallery works in."""
    unreadable = set()
    for stored in spaces:
        if wrong := _wrong_specification(stored):
            unreadable.add(stored.id)
            yield CheckFinding(f"specification {stored.model}", "fail", wrong, BACKUP)
        elif not stored.is_default and model_of(gallery.models, stored) is None:
            yield CheckFinding(
                f"space {stored.model}",
                "note",
                f"its encoder ({stored.fingerprint[:12]}) is not installed, so no crop was "
                "encoded again",
                f"Run `{install_command(stored)}`, or `gestalt index drop {stored.model}`.",
            )
    defaults = [space for space in spaces if space.is_default]
    if len(defaults) != 1:
        yield CheckFinding(
            "space",
            "fail",
            f"the gallery uses {len(defaults) or 'none'} of its {len(spaces)} spaces",
            "Run `gestalt index use NAME`; `gestalt index spaces` lists the names.",
        )
    elif defaults[0].id not in unreadable:
        space = gallery.space
        yield CheckFinding("space", "ok", f"{space.model.name}, {space.fingerprint[:12]}")
        if space.model.name == BUILTIN:
            yield CheckFinding("encoder", "note", BUILTIN_CAUTION, _ANOTHER)


def inspect_runs(database: Database, spaces: Sequence[StoredSpace]) -> Iterator[CheckFinding]:
    """What the descriptors of the default space were made with."""
    space = next((space for space in spaces if space.is_default), None)
    if space is None:
        return
    with database.reading() as session:
        count = reads.count_descriptors(session, space)
        runs = run_counts(session, space.id, count)
    mixed = mixed_precisions(runs)
    if mixed is not None:
        yield CheckFinding("descriptors", "note", mixed, "Run `gestalt index fill --again`.")
    elif runs:
        made = (
            f"{count:,} in {'a run not recorded' if run is None else run}" for run, count in runs
        )
        yield CheckFinding("descriptors", "ok", "; ".join(made))


def _wrong_specification(space: StoredSpace) -> str | None:
    """Why a space cannot be what it says, in words."""
    try:
        spec = EncoderSpec.from_json(space.specification)
    except GestaltError as error:
        return error.message
    except (ValueError, TypeError, KeyError, AttributeError):
        return "the stored specification cannot be read"
    if spec.fingerprint != space.fingerprint:
        return (
            f"has the fingerprint {spec.fingerprint[:12]}, but is stored as "
            f"{space.fingerprint[:12]}"
        )
    if spec.descriptor_dim != space.dim:
        return f"gives {spec.descriptor_dim} numbers, but the descriptors have {space.dim}"
    return None
