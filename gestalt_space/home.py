"""The gallery of a home, with all that can be done with it."""

from __future__ import annotations

from gestalt_space.gallery.archives.exchanging import Exchanging
from gestalt_space.match.asking import Asking


class Gallery(Exchanging, Asking):
    """The patients, photos and descriptors of one home. Threads share it."""
