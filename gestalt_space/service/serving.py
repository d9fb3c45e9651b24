"""A service that runs: what has to hold before it listens, and its web server."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import uvicorn

from gestalt_space.errors import UsageError
from gestalt_space.gallery.archives.backing_up import check_new_folder
from gestalt_space.home import Gallery
from gestalt_space.paths import display_name
from gestalt_space.service.access import Access
from gestalt_space.service.app import create_app
from gestalt_space.service.configuration import ServiceOptions

DRAIN_SECONDS = 30
"""How long requests that are at work may take after the service was asked to end."""
SILENT_SECONDS = 75
"""How long a connection may be silent between two requests: longer than clients and proxies keep
theirs (nginx 60 seconds), so that none sends a request while the service closes the connection."""
WAITING_CONNECTIONS = 2048
"""Connections that the system keeps until they are answered."""


def check_may_serve(gallery: Gallery, options: ServiceOptions, certificate: Path | None) -> None:
    """Raise `UsageError` where others could reach the service without saying who they are, or
    anybody in between could read what they send."""
    if not options.is_public:
        return
    if not Access(gallery.database, options).count():
        raise UsageError(
            f"Other machines can reach {options.host}, and the service has no users.",
            "Run `gestalt user add NAME --role admin` first; or leave --host out.",
        )
    if certificate is None and not options.trusted_proxies:
        raise UsageError(
            f"Other machines can reach {options.host}, and the connection is not encrypted.",
            "Give --tls-certificate and --tls-key; or put a proxy with TLS before the service and "
            "name it with --trusted-proxy.",
        )


def check_backups(gallery: Gallery, folder: Path | None) -> None:
    """Raise `UsageError` where no backup could be written into a folder."""
    if folder is None:
        return
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise UsageError(
            f"{display_name(folder)} is not a folder that this user may write to.",
            "Make it first; it should be on another disk.",
        )
    check_new_folder(folder / "new", gallery.settings.home)


def serve(
    gallery: Gallery,
    options: ServiceOptions,
    *,
    certificate: Path | None = None,
    key: Path | None = None,
    listening: Callable[[str], object] = lambda _address: None,
) -> None:
    """Answer requests until the process is asked to end; what is at work is done first.

    `listening` is called with the address as soon as it is taken; port 0 takes a free one. Raises
    `UsageError`.
    """
    check_may_serve(gallery, options, certificate)
    check_backups(gallery, options.backups)
    with _listener(options) as listener:
        scheme = "https" if certificate is not None else "http"
        host = f"[{options.host}]" if ":" in options.host else options.host
        server = uvicorn.Server(server_settings(gallery, options, certificate, key))
        listening(f"{scheme}://{host}:{listener.getsockname()[1]}{options.root_path}/")
        with _ended_as_by_ctrl_c(), suppress(KeyboardInterrupt):
            # How it is asked to end; by then it has.
            server.run(sockets=[listener])


def server_settings(
    gallery: Gallery,
    options: ServiceOptions,
    certificate: Path | None = None,
    key: Path | None = None,
) -> uvicorn.Config:
    """The web server of a service, with the application and what lies around it."""
    return uvicorn.Config(
        create_app(gallery, options),
        proxy_headers=bool(options.trusted_proxies),
        forwarded_allow_ips=list(options.trusted_proxies),
        root_path=options.root_path,
        server_header=False,
        access_log=False,
        log_config=None,
        lifespan="on",
        timeout_graceful_shutdown=DRAIN_SECONDS,
        timeout_keep_alive=SILENT_SECONDS,
        backlog=WAITING_CONNECTIONS,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )


@contextmanager
def _ended_as_by_ctrl_c() -> Iterator[None]:
    """The web server passes SIGTERM on when it is done, and by itself that kills the process with
    the gallery open: let it interrupt, as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _listener(options: ServiceOptions) -> socket.socket:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    # The protocol is named: asyncio sends small answers at once (TCP_NODELAY) only where it is.
    # Otherwise each answer waits 40 ms for the other side.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((options.host, options.port))
        # From here on who connects waits for the first answer, and is not refused.
        listener.listen(WAITING_CONNECTIONS)
    except OSError as error:
        listener.close()
        raise UsageError(
            f"{options.host}:{options.port} cannot be used: {error.strerror or error}.",
            "Give another --port; another service may have this one.",
        ) from error
    return listener
