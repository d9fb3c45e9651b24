"""The keys by which crops are encrypted. They come from outside, and are never stored or shown."""

from __future__ import annotations

import binascii
import hashlib
from base64 import b64decode
from dataclasses import dataclass, field
from pathlib import Path

from gestalt_space.errors import CropStoreError
from gestalt_space.paths import display_name
from gestalt_space.secret_files import closing_command
from gestalt_space.settings import Settings

KEY_BYTES = 32
ID_BYTES = 8
"""Of a key's id: enough to tell keys apart, and nothing of the key."""
_MAKE = "Make a key with `openssl rand -base64 32`, and keep a copy where the crops are not."


@dataclass(frozen=True, slots=True)
class CropKey:
    """A key of AES-256. `id`: by which an object tells what it was encrypted with."""

    id: str
    secret: bytes = field(repr=False)

    @classmethod
    def of(cls, secret: bytes) -> CropKey:
        """The key of those 32 bytes."""
        digest = hashlib.sha256(b"gestalt-space crops\0" + secret).digest()
        return cls(digest[:ID_BYTES].hex(), secret)


@dataclass(frozen=True, slots=True)
class CropKeys:
    """Keys, of which the first encrypts, and all decrypt; there may be none."""

    keys: tuple[CropKey, ...]

    @property
    def current(self) -> CropKey:
        """The key that encrypts. Raises `CropStoreError` where there is none."""
        if not self.keys:
            raise no_key()
        return self.keys[0]

    def named(self, key_id: str) -> CropKey:
        """The key of an id, which crops were encrypted with. Raises `CropStoreError` where it is
        not at hand."""
        found = next((key for key in self.keys if key.id == key_id), None)
        if found is None:
            raise _other_key(key_id) if self.keys else _no_key_of(key_id)
        return found


def read_keys(settings: Settings) -> CropKeys:
    """The keys that the settings name, which may be none.

    Raises `CropStoreError` where there is something else than a key, or where others may read
    their file.
    """
    return CropKeys(tuple(map(_key, _text(settings).split())))


def no_key() -> CropStoreError:
    """The error for crops that are to be encrypted, without a key."""
    return CropStoreError(
        "There is no key for the crops: crops in an object store are encrypted.",
        f"{_MAKE} Name its file in GESTALT_CROPS_KEY_FILE.",
    )


def _no_key_of(key_id: str) -> CropStoreError:
    return CropStoreError(
        "There is no key for the crops of this gallery: they are encrypted.",
        f"Name the file with their key (its id is {key_id}) in GESTALT_CROPS_KEY_FILE.",
    )


def _other_key(key_id: str) -> CropStoreError:
    return CropStoreError(
        f"The crops were encrypted with another key (its id is {key_id}).",
        "Name the file with that key in GESTALT_CROPS_KEY_FILE. To change the key, put the new one "
        "before the old one in this file, then run `gestalt index crops move`.",
    )


def _text(settings: Settings) -> str:
    if settings.crops_key is not None:
        return settings.crops_key.get_secret_value()
    file = settings.crops_key_file
    return "" if file is None else _text_of(file)


def _text_of(file: Path) -> str:
    try:
        mending = closing_command(file)
        text = file.read_text("ascii")
    except OSError as error:
        raise CropStoreError(
            f"The key of the crops cannot be read from {display_name(file)}: {error.strerror}.",
            "Check GESTALT_CROPS_KEY_FILE and the rights of that file.",
        ) from error
    except UnicodeDecodeError:
        # Not shown, nor kept as the cause: it may have the key in it.
        raise _wrong() from None
    if mending is not None:
        raise CropStoreError(
            f"Others may read the key file of the crops {display_name(file)}.", f"Run `{mending}`."
        )
    return text


def _key(word: str) -> CropKey:
    try:
        secret = b64decode(word, validate=True)
    except (binascii.Error, ValueError):
        raise _wrong() from None
    if len(secret) != KEY_BYTES:
        raise _wrong()
    return CropKey.of(secret)


def _wrong() -> CropStoreError:
    return CropStoreError(
        f"The key of the crops is not {KEY_BYTES} bytes in base64.",
        f"{_MAKE} A file may have several keys, one per line; the first one encrypts.",
    )
