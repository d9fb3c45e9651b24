"""How commands open a gallery: what was mended of it is told once, on standard error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import output

if TYPE_CHECKING:
    from gestalt_space.home import Gallery


@contextmanager
def opened(home: Path | None, **options: Any) -> Iterator[Gallery]:
    """The gallery of a home for the length of a command; see `Gallery.open`."""
    from gestalt_space.home import Gallery

    with Gallery.open(home, **options) as gallery:
        try:
            yield gallery
        finally:
            for told in dict.fromkeys(repair.told for repair in gallery.repairs):
                output.say(told)
