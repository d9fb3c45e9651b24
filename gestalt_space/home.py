"""The gallery of a home, with all that can be done with it."""

from __future__ import annotations

from gestalt_space.gallery.correcting import Correcting
from gestalt_space.gallery.trail import Trail
from gestalt_space.match.asking import Asking


class Gallery(Correcting, Trail, Asking):
    """The patients, photos and descriptors of one home. Threads share it."""
