from __future__ import annotations

import socket

from gestalt_space.service.configuration import ServiceOptions
from gestalt_space.service.serving import _listener


def test_small_answers_are_sent_at_once() -> None:
    """asyncio sets TCP_NODELAY only on sockets whose protocol is named."""
    with _listener(ServiceOptions(port=0)) as listener:
        assert listener.proto == socket.IPPROTO_TCP
