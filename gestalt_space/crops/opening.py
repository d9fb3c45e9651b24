"""A place of crops opened by its URL."""

from __future__ import annotations

from gestalt_space.crops.places import CropPlace, checked_url
from gestalt_space.crops.sealing import INSTALL
from gestalt_space.errors import CropStoreError


def open_place(url: str) -> CropPlace:
    """The place of a URL, which need not be there. Raises `UsageError`, and `CropStoreError` where
    a package for it is not installed."""
    url = checked_url(url)
    if url.startswith("file:"):
        from gestalt_space.crops.folder import FolderPlace

        return FolderPlace(url)
    try:
        from gestalt_space.crops.bucket import BucketPlace
    except ImportError as error:
        raise CropStoreError(
            "Crops in S3 need the package s3fs, which is not installed.", INSTALL
        ) from error
    return BucketPlace(url)
