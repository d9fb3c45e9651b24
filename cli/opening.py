"""How commands open a gallery: what was mended of it is told once, on standard error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gestalt_space.counts import counted_text

from . import output

if TYPE_CHECKING:
    from gestalt_space.home import Gallery


@contextmanager
def opened(home: Path | None, **options: Any) -> Iterator[Gallery]:
    """The gallery of a home for the length of a command; see `Gallery.open`. Erasures that a
    stopped process had begun are finished first."""
    from gestalt_space.home import Gallery

    with Gallery.open(home, **options) as gallery:
        finish_erasures(gallery)
        try:
            yield gallery
        finally:
            for told in dict.fromkeys(repair.told for repair in gallery.repairs):
                output.say(told)


def opened_for_photos(
    home: Path | None,
    space: str | None,
    detector: str,
    landmarks: Path | None,
    device: str,
    precision: str | None,
    engine: str = "local",
    address: str | None = None,
) -> AbstractContextManager[Gallery]:
    """As `opened`, with the options of a command that reads photos, as they were given."""
    from gestalt_space.devices import parse_device
    from gestalt_space.encoders.precision import parse_precision
    from gestalt_space.gallery.options import parse_engine

    return opened(
        home,
        space=space,
        detector=detector,
        landmarks=landmarks,
        device=parse_device(device),
        precision=parse_precision(precision),
        engine=parse_engine(engine, address),
        address=address,
    )


def finish_erasures(gallery: Gallery) -> None:
    """Finish erasures that a stopped process had begun, where they wait for nobody, and tell of
    those that are not done."""
    if not gallery.exists:
        return
    for erased in gallery.finish_erasures():
        output.say(
            f"Finished the erasure of {counted_text(len(erased.patients), 'patient')} that "
            f"{erased.actor} started, and wrote its receipt."
        )
    for begun in gallery.begun_erasures():
        output.say(
            f"The erasure that {begun.actor} started at {begun.at:%Y-%m-%d %H:%M} UTC is not "
            "finished: run `gestalt index erase --resume`."
        )
