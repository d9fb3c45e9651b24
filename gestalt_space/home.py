"""The gallery of a home, with all that can be done with it."""

from __future__ import annotations

from gestalt_space.gallery.choosing import Choosing
from gestalt_space.gallery.writing import Writing
from gestalt_space.match.asking import Asking


class Gallery(Writing, Choosing, Asking):
    """The patients, photos and descriptors of one home. Threads share it."""
