"""A crop as an object: encrypted by AES-256-GCM, and bound to its name.

An object is `GSC` and the version 1, the id of the key (8 bytes), a nonce (12 bytes), and the
ciphertext with its tag. All before the nonce, and the object's name, are authenticated: an object
that was altered, cut short, or moved to the name of another is none.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gestalt_space.crops.keys import ID_BYTES, CropKey, CropKeys
from gestalt_space.errors import CropStoreError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC = b"GSC\x01"
NONCE_BYTES = 12
TAG_BYTES = 16
INSTALL = "Run `pip install 'gestalt-space[objects]'`."
_HEAD = len(MAGIC) + ID_BYTES


def seal(png: bytes, name: str, key: CropKey) -> bytes:
    """The object of that name which a crop becomes."""
    head, nonce = MAGIC + bytes.fromhex(key.id), os.urandom(NONCE_BYTES)
    return head + nonce + _cipher(key).encrypt(nonce, png, head + name.encode())


def unseal(data: bytes, name: str, keys: CropKeys) -> bytes | None:
    """The crop of an object; None for one that is not what was stored under that name.

    Raises `CropStoreError` for one whose key is not at hand.
    """
    from cryptography.exceptions import InvalidTag

    head = data[:_HEAD]
    if not head.startswith(MAGIC) or len(data) < _HEAD + NONCE_BYTES + TAG_BYTES:
        return None
    key = keys.named(head[len(MAGIC) :].hex())
    nonce, sealed = data[_HEAD : _HEAD + NONCE_BYTES], data[_HEAD + NONCE_BYTES :]
    try:
        return _cipher(key).decrypt(nonce, sealed, head + name.encode())
    except InvalidTag:
        return None


def require_cipher() -> None:
    """Raise `CropStoreError` where the package that encrypts is not installed."""
    try:
        import cryptography  # noqa: F401
    except ImportError as error:
        raise CropStoreError(
            "Crops are encrypted by the package cryptography, which is not installed.", INSTALL
        ) from error


def _cipher(key: CropKey) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key.secret)
