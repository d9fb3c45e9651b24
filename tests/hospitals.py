"""Galleries of several hospitals with made-up descriptors, their services on this machine, and
services that are not what they should be."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import numpy as np
import uvicorn

from gestalt_space.encoders.registry import encoder_spec
from gestalt_space.home import Gallery
from gestalt_space.service import users
from gestalt_space.service.configuration import ServiceOptions
from gestalt_space.service.serving import server_settings
from gestalt_space.sites.site import Site
from gestalt_space.store import writes
from gestalt_space.store.writes import NewPhoto
from gestalt_space.types import Descriptors, Disorder
from gestalt_space.weights.store import ModelStore
from tests.galleries import make_home, new_photo, open_gallery
from tests.made import unit

SHARED = "research and other hospitals"
DIM = 16
PROBE = unit(np.random.default_rng(99), 1, DIM)[0]


def at(similarity: float, seed: int, probe: Descriptors = PROBE) -> Descriptors:
    """A descriptor `(d,)` of that similarity to a probe."""
    other = unit(np.random.default_rng(seed), 1, len(probe))[0].astype(np.float64)
    other -= (other @ probe) * probe
    other /= np.linalg.norm(other)
    return np.asarray(similarity * probe + np.sqrt(1 - similarity**2) * other, np.float32)


def patient(name: str, disorder: str, similarity: float, seed: int, **facts: object) -> NewPhoto:
    """A patient with one photo of that similarity to `PROBE`, whose consent covers other hospitals
    unless told otherwise."""
    return new_photo(
        name,
        seed,
        disorders=(Disorder(disorder, f"name of {disorder}"),),
        descriptor=at(similarity, seed),
        **{"consent": SHARED, **facts},
    )


def fill(home: Path, store: ModelStore, photos: Iterable[NewPhoto]) -> Path:
    """A home with a gallery of the model `tiny`."""
    make_home(home, store)
    with open_gallery(home) as gallery:
        add_all(gallery, photos)
    return home


def add_all(gallery: Gallery, photos: Iterable[NewPhoto]) -> None:
    """Add photos with their descriptors as they are."""
    gallery.database.make()
    spec = encoder_spec(gallery.space.model)
    with gallery.database.writing() as session:
        space = writes.add_space(
            session,
            model=gallery.space.model.name,
            fingerprint=spec.fingerprint,
            specification=spec.to_json(),
            dim=spec.descriptor_dim,
        )
        stored = writes.add_photos(session, list(photos), space_id=space)
    assert [one.error for one in stored if one.error is not None] == []


@dataclass
class Hospital:
    """A service that runs, and its gallery. `token`: of another hospital."""

    address: str
    token: str
    gallery: Gallery

    def site(self, name: str = "B") -> Site:
        """It, to be asked."""
        return Site(name, self.address, self.token)


@contextmanager
def hospital(
    home: Path, certificate: Path | None = None, key: Path | None = None
) -> Iterator[Hospital]:
    """The service of a home on this machine; its user `hospital-a` is another hospital."""
    with open_gallery(home) as gallery, socket.create_server(("127.0.0.1", 0)) as listener:
        users.add_user(gallery.database, "root", "admin", None)
        users.add_user(gallery.database, "hospital-a", "site", None)
        token, _ = users.add_token(gallery.database, "hospital-a", "", timedelta(days=1))
        server = uvicorn.Server(server_settings(gallery, ServiceOptions(), certificate, key))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive()
                time.sleep(0.01)
            scheme = "http" if certificate is None else "https"
            port = listener.getsockname()[1]
            yield Hospital(f"{scheme}://127.0.0.1:{port}", token, gallery)
        finally:
            server.should_exit = True
            thread.join(20)


@dataclass
class Pretender:
    """Something that listens, keeps what it is sent, and says what it likes."""

    address: str
    received: list[bytes] = field(default_factory=list)

    def site(self, name: str = "X") -> Site:
        """It, to be asked."""
        return Site(name, self.address, "gestalt_token-of-ours")


Says = Callable[[socket.socket], object]


@contextmanager
def pretender(say: bytes | Says) -> Iterator[Pretender]:
    """A server that reads each request, and answers with some bytes or does something else."""
    stopped = threading.Event()

    def serve_one(connection: socket.socket, found: Pretender) -> None:
        with connection, suppress(OSError):
            found.received.append(_request(connection))
            if callable(say):
                say(connection)
            else:
                connection.sendall(say)

    def serve(found: Pretender) -> None:
        while not stopped.is_set():
            with suppress(TimeoutError):
                connection, _ = listener.accept()
                connection.settimeout(60)
                threading.Thread(target=serve_one, args=(connection, found), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        found = Pretender(f"http://127.0.0.1:{listener.getsockname()[1]}")
        thread = threading.Thread(target=serve, args=(found,))
        thread.start()
        try:
            yield found
        finally:
            stopped.set()
            thread.join(10)


def _request(connection: socket.socket) -> bytes:
    """A whole request, with its body."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def http_answer(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """An answer as it is sent."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def dead_address() -> str:
    """Where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def sites_of(*found: Hospital | Pretender) -> Sequence[Site]:
    """Hospitals to be asked, by letters from B on."""
    return [one.site(chr(66 + place)) for place, one in enumerate(found)]
