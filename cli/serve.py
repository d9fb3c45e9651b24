"""`gestalt serve`."""

from __future__ import annotations

import webbrowser
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Annotated

import typer

from . import options, output
from .opening import opened_for_photos


def serve(
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes a free one.")
    ] = 8000,
    server_name: Annotated[
        list[str],
        typer.Option(
            "--server-name",
            help="Name under which others reach it, as gestalt.hospital.example; repeat.",
            metavar="NAME",
            show_default=False,
        ),
    ] = [],  # noqa: B006 - Typer copies it
    tls_certificate: Annotated[
        Path | None,
        typer.Option("--tls-certificate", help="Certificate chain (PEM).", show_default=False),
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option("--tls-key", help="Its private key (PEM).", show_default=False)
    ] = None,
    trusted_proxy: Annotated[
        list[str],
        typer.Option(
            "--trusted-proxy",
            help="Address of a proxy whose forwarding headers are believed; repeat.",
            metavar="ADDRESS",
            show_default=False,
        ),
    ] = [],  # noqa: B006
    root_path: Annotated[
        str,
        typer.Option(
            "--root-path", help="Path under which a proxy has it, as /gestalt.", show_default=False
        ),
    ] = "",
    strict_status: Annotated[
        bool,
        typer.Option(
            "--strict-status",
            help="Answer failures of /predict, /encode and /crop with their own status; the "
            "published service answers 200.",
        ),
    ] = False,
    allow_descriptors: Annotated[
        bool,
        typer.Option(
            "--allow-descriptors",
            help="Answer /encode. Descriptors can identify a person.",
        ),
    ] = False,
    backups: Annotated[
        Path | None,
        typer.Option(
            "--backups",
            help="Existing folder for the backups that admins start on the page, if possible on "
            "another disk.",
            show_default=False,
        ),
    ] = None,
    open_browser: Annotated[
        bool, typer.Option("--open", help="Open the page in a browser of this machine.")
    ] = False,
    detector: options.Detector = "auto",
    space: options.Space = None,
    home: options.Home = None,
    device: options.DeviceName = "auto",
    precision: options.PrecisionName = None,
    quiet: options.Quiet = False,
) -> None:
    """Serve the gallery: a page for people and an API for programs.

    Only this machine can reach it, and nobody needs to log in, until you add users with `gestalt
    user add` and give another --host. Ctrl-C ends it, after the requests at work.
    """
    from gestalt_space.service.configuration import ServiceOptions
    from gestalt_space.service.serving import serve as serve_gallery

    chosen = ServiceOptions(
        host=host,
        port=port,
        names=tuple(server_name),
        trusted_proxies=tuple(trusted_proxy),
        root_path=root_path.rstrip("/"),
        strict_status=strict_status,
        descriptors=allow_descriptors,
        backups=backups,
    )
    with opened_for_photos(home, space, detector, None, device, precision) as gallery:
        serve_gallery(
            gallery,
            chosen,
            certificate=tls_certificate,
            key=tls_key,
            listening=partial(tell_address, quiet=quiet, open_browser=open_browser),
        )


def tell_address(address: str, *, quiet: bool, open_browser: bool) -> None:
    """Say where the service listens, and open it in a browser if that was asked for."""
    if not quiet:
        output.say(f"Open {address} in a browser. Ctrl-C ends the service.")
    if open_browser:
        # A browser of the terminal comes back only when it is left.
        Thread(target=webbrowser.open, args=(address,), daemon=True).start()
