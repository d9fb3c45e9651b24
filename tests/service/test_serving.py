from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from gestalt_space.errors import UsageError
from gestalt_space.home import Gallery
from gestalt_space.service.configuration import ServiceOptions
from gestalt_space.service.serving import _listener, check_backups, server_settings

PROXY = "192.0.2.1"


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


def through(gallery: Gallery, peer: str, **options: Any) -> TestClient:
    """A client whose requests come from `peer` to what the web server runs."""
    settings = server_settings(gallery, ServiceOptions(names=("clinic",), **options))
    settings.load()
    app: Any = settings.loaded_app
    return TestClient(app, base_url="http://clinic", client=(peer, 50_000))


def statuses(client: TestClient, *addresses: str) -> list[int]:
    """Of logins that a proxy passes on for those addresses."""
    login = {"name": "nobody", "password": "wrong"}
    return [
        client.post("/api/v1/session", json=login, headers={"X-Forwarded-For": address}).status_code
        for address in addresses
    ]


@pytest.mark.parametrize("limit", [{"per_minute": 2}, {"most_failures": 2}])
def test_whom_a_trusted_proxy_names_is_counted(gallery: Gallery, limit: dict[str, int]) -> None:
    client = through(gallery, PROXY, trusted_proxies=(PROXY,), **limit)
    first, second = "198.51.100.1", "198.51.100.2"
    assert statuses(client, first, first, first, second) == [401, 401, 429, 401]
    # What the client itself wrote before the proxy added where it came from.
    assert statuses(client, f"203.0.113.9, {first}") == [429]


@pytest.mark.parametrize("trusted", [(), ("192.0.2.99",)])
@pytest.mark.parametrize("limit", [{"per_minute": 2}, {"most_failures": 2}])
def test_whom_anybody_else_names_is_not(
    gallery: Gallery, trusted: tuple[str, ...], limit: dict[str, int]
) -> None:
    client = through(gallery, PROXY, trusted_proxies=trusted, **limit)
    addresses = [f"198.51.100.{number}" for number in range(3)]
    assert statuses(client, *addresses) == [401, 401, 429]
