"""The crops of a gallery outside its database: written, read and deleted, in any of their places.

Names are random and tell nothing of a person or a photo. Which object is whose crop is in the
database alone.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from threading import Lock

from gestalt_space.crops.keys import CropKeys, no_key, read_keys
from gestalt_space.crops.opening import open_place
from gestalt_space.crops.places import CropPlace, Doing, ListedObject, checked_url
from gestalt_space.crops.sealing import require_cipher, seal, unseal
from gestalt_space.lazy_value import LazyValue
from gestalt_space.settings import Settings
from gestalt_space.types import CropObject


class CropStore:
    """Opened by the settings of a home; nothing is reached before it is needed. Any number of
    threads may share it.

    Each method raises `CropStoreError` where a place cannot be reached, a package is not installed,
    or a key is missing.
    """

    def __init__(self, settings: Settings) -> None:
        self.base = None if settings.crops is None else checked_url(settings.crops)
        """Where new crops go; None for the database."""
        self._keys = LazyValue(lambda: _keys_of(settings))
        self._places: dict[str, CropPlace] = {}
        self._lock = Lock()

    @property
    def key_id(self) -> str:
        """The id of the key that encrypts new crops."""
        return self._keys().current.id

    @property
    def has_key(self) -> bool:
        """Whether there is a key, whichever it is."""
        return bool(self._keys().keys)

    def require_key(self, key_id: str) -> None:
        """Raise `CropStoreError` where a key that crops were encrypted with is not at hand."""
        self._keys().named(key_id)

    def new_place(self, base: str) -> str:
        """Make a place of this gallery's own under a URL; returns its URL."""
        if not self.has_key:
            raise no_key()
        base = checked_url(base)
        url = f"{base}/{secrets.token_hex(8)}"
        place = open_place(url)
        place.make("GESTALT_CROPS" if base == self.base else "--to")
        with self._lock:
            self._places[url] = place
        return url

    def put(self, place: str, pngs: Sequence[bytes]) -> list[CropObject]:
        """Encrypt crops and write them; what each became, in order."""
        key = self._keys().current
        made, sealed = [], {}
        for png in pngs:
            name = new_name()
            data = sealed[name] = seal(png, name, key)
            digest = hashlib.sha256(data).hexdigest()
            made.append(CropObject(place, name, key.id, len(data), digest))
        if sealed:
            self._place(place, "written").put(sealed)
        return made

    def get(self, objects: Collection[CropObject]) -> dict[CropObject, bytes]:
        """The crops that objects are; empty bytes for one that is missing, or not what was stored.
        Objects of a place are read side by side."""
        found: dict[CropObject, bytes] = {}
        for url, some in _by_place(objects):
            keys = self._keys()
            for one in some:
                keys.named(one.key_id)
            read = self._place(url).get([one.name for one in some])
            for one in some:
                found[one] = _png(read.get(one.name), one, keys)
        return found

    def is_whole(self, one: CropObject) -> bool:
        """Whether an object is what was stored, and a key for it is at hand."""
        return bool(self.get([one])[one])

    def delete(self, objects: Iterable[CropObject]) -> None:
        """Delete objects with all versions of them, and see that they are gone."""
        for url, some in _by_place(objects):
            self._place(url, "deleted").delete([one.name for one in some])

    def delete_names(self, place: str, names: Collection[str]) -> None:
        """The same of objects by their names."""
        self._place(place, "deleted").delete(names)

    def listed(self, place: str, shard: str) -> Iterator[ListedObject]:
        """The objects of a place whose names begin with one of `places.SHARDS`, or all where it is
        empty, in the order of their names."""
        return self._place(place, "listed").listed(shard)

    def seal(self, png: bytes, label: str) -> bytes:
        """A crop as it may stand anywhere, encrypted; `label`: what it is opened by."""
        return seal(png, label, self._keys().current)

    def unseal(self, data: bytes, label: str) -> bytes:
        """What `seal` made; empty bytes for what is damaged."""
        return unseal(data, label, self._keys()) or b""

    def close(self) -> None:
        """Give all connections back."""
        with self._lock:
            self._places.clear()

    def _place(self, url: str, doing: Doing = "read") -> CropPlace:
        """The place of a URL, seen to be there when it is opened."""
        with self._lock:
            if url not in self._places:
                place = open_place(url)
                place.require(doing)
                self._places[url] = place
            return self._places[url]


def new_name() -> str:
    """A name that no object has had."""
    token = secrets.token_hex(16)
    return f"{token[:2]}/{token}"


def _keys_of(settings: Settings) -> CropKeys:
    require_cipher()
    return read_keys(settings)


def _png(data: bytes | None, one: CropObject, keys: CropKeys) -> bytes:
    if data is None or hashlib.sha256(data).hexdigest() != one.sha256:
        return b""
    return unseal(data, one.name, keys) or b""


def _by_place(objects: Iterable[CropObject]) -> Iterator[tuple[str, list[CropObject]]]:
    found: dict[str, list[CropObject]] = defaultdict(list)
    for one in objects:
        found[one.place].append(one)
    yield from found.items()
