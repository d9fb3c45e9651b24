"""Fetching one file: resumable, checked, and in place only when it is whole."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from gestalt_space.atomic_files import make_private_folder, open_private, sync, take_name
from gestalt_space.errors import DownloadFailed, ModelDamaged
from gestalt_space.weights.manifest import sha256_of

CHUNK = 1 << 18
TIMEOUT_SECONDS = 30.0

DownloadProgress = Callable[[int, int | None], None]
"""Called with the bytes so far, and of the whole where the server says."""


def download(
    url: str, target: Path, *, by_hand: str, sha256: str | None, progress: DownloadProgress
) -> None:
    """Fetch `url` to `target`; `by_hand` is the command that does without a network.

    What is there of an earlier try (`target` with `.part`) is taken up where it ended. Raises
    `DownloadFailed` when the network fails, keeping what came; `ModelDamaged` when the whole file
    is not the one expected, keeping nothing.
    """
    part = target.with_name(target.name + ".part")
    make_private_folder(part.parent)
    try:
        _fetch(url, part, progress)
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        reason = getattr(reason, "strerror", None) or reason
        raise DownloadFailed(
            f"{url} could not be downloaded: {reason}.",
            "Run the same command again to continue. Without a network connection, download the "
            f"file on another machine and run `{by_hand}`.",
        ) from error
    found = sha256_of(part)
    if sha256 is not None and found != sha256:
        part.unlink()
        raise ModelDamaged(
            f"The file at {url} has the sha256 {found} instead of {sha256}.",
            "Run the same command again. If it fails again, the file at this address has changed: "
            "do not use it.",
        )
    take_name(part, target)


def _fetch(url: str, part: Path, progress: DownloadProgress) -> None:
    have = part.stat().st_size if part.exists() else 0
    # The addresses are those of the catalogue.
    request = urllib.request.Request(  # noqa: S310
        url, headers={"Range": f"bytes={have}-"} if have else {}
    )
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)  # noqa: S310
    except urllib.error.HTTPError as error:
        error.close()
        if have and error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            # The part is whole already, or longer than the file: its sha256 will tell.
            return
        raise
    with response:
        resumed = response.status == http.client.PARTIAL_CONTENT
        done = have if resumed else 0
        length = response.headers.get("Content-Length")
        total = done + int(length) if length else None
        with open_private(part, "ab" if resumed else "wb") as stream:
            progress(done, total)
            while chunk := response.read(CHUNK):
                stream.write(chunk)
                done += len(chunk)
                progress(done, total)
            sync(stream)
    if total is not None and done < total:
        raise http.client.IncompleteRead(b"", total - done)
