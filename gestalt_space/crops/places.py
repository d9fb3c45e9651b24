"""Where crops can lie, by a URL: what each kind of place can do. One kind a file."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol
from urllib.parse import urlsplit
from urllib.request import url2pathname

from gestalt_space.errors import CropStoreError, UsageError
from gestalt_space.paths import display_name

MARK = "gestalt-crops"
"""An object that each place has: one without it is not the place, or cannot be reached whole."""
MARK_TEXT = b"Crops of gestalt-space, encrypted. Do not delete or rename anything here.\n"
Doing = Literal["read", "written", "listed", "deleted"]
"""What is done with crops, as messages say it."""
SHARDS = tuple(f"{number:02x}" for number in range(256))
"""What names begin with, before a slash: so many objects are listed one part after another."""


@dataclass(frozen=True, slots=True)
class ListedObject:
    """An object of a place. `at`: when it was written, by the clock of the place."""

    name: str
    bytes: int
    at: datetime


class CropPlace(Protocol):
    """A place of objects. Each method raises `CropStoreError` where it cannot be reached."""

    url: str

    def make(self, named_by: str) -> None:
        """Make the place, with its mark, where there is none. `named_by`: the setting or option
        that the URL comes from."""
        ...

    def require(self, doing: Doing = "read") -> None:
        """Raise `CropStoreError` where the place has no mark. `doing`: what cannot be done then."""
        ...

    def put(self, objects: Mapping[str, bytes]) -> None:
        """Write objects by their names; they are there, whole, when it returns."""
        ...

    def get(self, names: Collection[str]) -> dict[str, bytes]:
        """The objects of those names that are there."""
        ...

    def delete(self, names: Collection[str]) -> None:
        """Delete objects with all their versions, and see that they are gone; one that is not there
        is gone."""
        ...

    def listed(self, shard: str) -> Iterator[ListedObject]:
        """The objects whose names begin with one of `SHARDS`, or all where it is empty, in their
        order."""
        ...


def checked_url(url: str) -> str:
    """The URL of a place as it is stored: without a slash at its end, and that of a folder in one
    spelling. Raises `UsageError`."""
    try:
        read = urlsplit(url)
    except ValueError as error:
        raise UsageError(f"{display_name(url)} is not a URL: {error}.", _LIKE) from error
    if read.username or read.password or "@" in read.netloc:
        # Not shown: it may be a password.
        raise UsageError(
            "The URL of the crops contains a user or a password, and it is stored in the database.",
            "Give credentials by the environment, such as AWS_ACCESS_KEY_ID.",
        )
    if read.scheme not in ("file", "s3"):
        raise UsageError(
            f"Crops cannot be stored in {display_name(url)}: only in file:// and s3://.", _LIKE
        )
    if read.query or read.fragment:
        # Not shown: it may be a secret.
        raise UsageError("The URL of the crops has a ? or a #: it is more than a path.", _LIKE)
    if read.scheme == "s3" and not read.netloc:
        raise UsageError(f"{display_name(url)} names no bucket.", _LIKE)
    if read.scheme == "s3":
        return url.rstrip("/")
    folder = Path(os.path.normpath(f"/{url2pathname(read.path).lstrip('/')}"))
    if read.netloc or folder == folder.parent:
        raise UsageError(f"{display_name(url)} is not the path of a folder.", _LIKE)
    return folder.as_uri()


_LIKE = "Use a URL such as s3://BUCKET/PREFIX or file:///srv/crops."


def no_mark(url: str) -> CropStoreError:
    """The error for a place without its mark."""
    return CropStoreError(
        f"The crops of this gallery are not in {display_name(url)}: the object {MARK} is missing "
        "there.",
        "Check that the disk is mounted, or that AWS_ENDPOINT_URL names the right server.",
    )


def still_there(url: str, count: int) -> CropStoreError:
    """The error for objects that were deleted, and are there."""
    return CropStoreError(
        f"{count:,} crops in {display_name(url)} were deleted, but are still there.",
        "Check the rights on the bucket, and whether it forbids deletion (object lock).",
    )
