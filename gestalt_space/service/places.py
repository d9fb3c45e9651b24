"""Where files of this machine lie, which no answer tells."""

from __future__ import annotations

from copy import copy

from gestalt_space.errors import GestaltError
from gestalt_space.home import Gallery
from gestalt_space.paths import display_name


class Places:
    """The places of a gallery's files."""

    def __init__(self, gallery: Gallery) -> None:
        home = gallery.settings.home
        paths = {display_name(path) for path in (home, home.absolute(), home.resolve())}
        # A path may begin with another one.
        longest_first = sorted(paths, key=len, reverse=True)
        self._told = {
            gallery.database.where: "of the service",
            **{f"{path}/": "" for path in longest_first},
            **dict.fromkeys(longest_first, "the home of the service"),
        }

    def hidden_in(self, text: str) -> str:
        """A text without them."""
        for path, told in self._told.items():
            text = text.replace(path, told)
        return text

    def hidden_in_error(self, error: GestaltError) -> GestaltError:
        """An error whose text does not have them."""
        told = copy(error)
        told.message, told.hint = self.hidden_in(error.message), self.hidden_in(error.hint)
        return told
