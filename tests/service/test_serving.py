from __future__ import annotations

import socket
from pathlib import Path

import pytest

from gestalt_space.errors import UsageError
from gestalt_space.home import Gallery
from gestalt_space.service.configuration import ServiceOptions
from gestalt_space.service.serving import _listener, check_backups


def test_small_answers_are_sent_at_once() -> None:
    """asyncio sets TCP_NODELAY only on sockets whose protocol is named."""
    with _listener(ServiceOptions(port=0)) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_backups_go_into_a_folder_that_is_there_and_not_in_the_home(
    gallery: Gallery, tmp_path: Path
) -> None:
    place = tmp_path / "backups"
    with pytest.raises(UsageError, match="not a folder"):
        check_backups(gallery, place)
    place.mkdir()
    check_backups(gallery, place)
    check_backups(gallery, None)
    with pytest.raises(UsageError, match="is in the home"):
        check_backups(gallery, gallery.settings.home)
