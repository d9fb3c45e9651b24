"""Milvus Lite in this process: one server a folder, shared by all engines that are opened on it.

Milvus Lite locks its folder, so that one process has it at a time. It is reached by a socket in a
folder of this user alone: by itself it would listen on a port, to every user of the machine.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gestalt_space.atomic_files import make_private_folder, sync_file, sync_folder
from gestalt_space.errors import EngineAway, EngineUnsuitable, UsageError
from gestalt_space.index.engines.milvus_client import connect
from gestalt_space.paths import display_name

INSTALL = (
    "Run `pip install 'gestalt-space[milvus]'`, then `pip install --no-deps milvus-lite`: with its "
    "dependencies it would overwrite the files of faiss-gpu."
)
_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # pymilvus asks every ten seconds whether the server is there. Without these gRPC takes that for
    # an attack: it ends the connection, and says so on standard error.
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 1000),
)
_OWN = frozenset({"LOCK", "collections", "databases"})
"""What Milvus Lite makes in a folder; some of them, where that was stopped."""
_THREADS = 4
_LOOK_AGAIN = 0.1
_STARTING, _STOPPING = 30.0, 5.0
_servers: dict[Path, LiteServer] = {}
_of_servers = threading.Lock()


def borrow(folder: Path, wait: float) -> LiteServer:
    """The server of a folder; `give_back` it once. It starts with the first question, and then
    waits so many seconds for another process that has the folder."""
    with _of_servers:
        server = _servers.get(folder)
        if server is None:
            server = LiteServer(folder, wait)
            _servers[folder] = server
        server.users += 1
        return server


def give_back(server: LiteServer) -> None:
    """Whoever borrowed it last stops it."""
    with _of_servers:
        server.users -= 1
        if not server.users:
            _servers.pop(server.folder, None)
            server.stop()


class LiteServer:
    """Milvus Lite on a folder. `users`: how many have borrowed it."""

    def __init__(self, folder: Path, wait: float) -> None:
        self.folder = folder
        self.users = 0
        self.lock = threading.RLock()
        """Held around every question: while Milvus Lite writes rows into files, a search beside it
        may miss some, and find what was removed."""
        self.rows: dict[str, int] = {}
        """How many rows collections have, where that was counted since the last change."""
        self.unwritten: dict[str, int] = {}
        """How many are in the log alone, where that is known."""
        self._synced: dict[Path, tuple[int, int]] = {}
        self._wait = wait
        self._running: _Running | None = None

    def client(self) -> Any:
        """The client of pymilvus; the server is started where it does not run. Call it with the
        `lock` held. Raises `EngineAway`."""
        if self._running is None:
            self._running = _Running(self._opened())
        return self._running.client

    def stop(self) -> None:
        """Until the next question. What was written stays."""
        with self.lock:
            running, self._running = self._running, None
            self.rows.clear()
            self.unwritten.clear()
            self._synced.clear()
            if running is not None:
                running.stop()

    def delete(self, collection: str) -> None:
        """Delete the files of a collection that Milvus Lite cannot open. Call it with the `lock`
        held. Raises `OSError`."""
        self.stop()
        shutil.rmtree(self.folder / "collections" / collection)

    def make_durable(self) -> None:
        """Bring to the disk what Milvus Lite has written: it leaves that to the system. Raises
        `OSError`."""
        changed = set()
        for place, _, names in os.walk(self.folder):
            for name in names:
                path = Path(place, name)
                with suppress(FileNotFoundError):
                    status = path.stat()
                    state = (status.st_size, status.st_mtime_ns)
                    if self._synced.get(path) != state:
                        sync_file(path)
                        self._synced[path] = state
                        changed.add(path.parent)
        for folder in changed:
            with suppress(FileNotFoundError):
                sync_folder(folder)

    def _check_folder(self) -> None:
        """Raise `EngineUnsuitable` for a folder with other files, such as photos: those of Milvus
        Lite would be mixed into them. Raises `OSError`."""
        with suppress(FileNotFoundError):
            there = {path.name for path in self.folder.iterdir()}
            if there - _OWN and _OWN - there:
                raise EngineUnsuitable(
                    f"{display_name(self.folder)} has other files than those of Milvus Lite.",
                    "Give a new folder, or an empty one, with --address.",
                )

    def _opened(self) -> Any:
        """The folder, made where it is missing, opened and locked."""
        from milvus_lite import DataDirLockedError, MilvusLite

        until = time.monotonic() + self._wait
        while True:
            try:
                self._check_folder()
                make_private_folder(self.folder)
                return MilvusLite(str(self.folder))
            except DataDirLockedError as error:
                if time.monotonic() >= until:
                    raise EngineAway(
                        f"Another process has Milvus Lite open in {display_name(self.folder)}. "
                        "Milvus Lite serves one process at a time.",
                        "Wait until that process has ended, or stop it. For several processes use "
                        "a Milvus server.",
                    ) from error
                time.sleep(_LOOK_AGAIN)
            except (OSError, ValueError) as error:
                raise EngineAway(
                    f"Milvus Lite cannot open {display_name(self.folder)}: {error}.",
                    "Check the folder, its permissions and the free space of the disk.",
                ) from error


class _Running:
    """A server and its client."""

    def __init__(self, database: Any) -> None:
        import grpc
        from milvus_lite.adapter.grpc.servicer import MilvusServicer
        from pymilvus.grpc_gen import milvus_pb2_grpc

        self._undo: list[Callable[[], object]] = [database.close]
        try:
            threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="gestalt-milvus")
            self._undo.append(threads.shutdown)
            socket = Path(tempfile.mkdtemp(prefix="gestalt-"))
            self._undo.append(lambda: shutil.rmtree(socket, ignore_errors=True))
            server = grpc.server(threads, options=_OPTIONS)
            self._undo.append(lambda: server.stop(_STOPPING).wait())
            milvus_pb2_grpc.add_MilvusServiceServicer_to_server(MilvusServicer(database), server)
            address = f"unix:{socket / 'socket'}"
            server.add_insecure_port(address)
            server.start()
            self.client = connect(address, _STARTING)
            self._undo.append(self.client.close)
        except Exception as error:
            self.stop()
            raise EngineAway(
                f"Milvus Lite cannot be started: {error}.",
                "Set TMPDIR to a folder with a short path in which you may write.",
            ) from error

    def stop(self) -> None:
        while self._undo:
            with suppress(Exception):
                self._undo.pop()()


def check_installed() -> None:
    """Raise `UsageError` where Milvus Lite is not installed, or not for this system."""
    missing = [name for name in ("pymilvus", "milvus_lite") if find_spec(name) is None]
    if missing:
        raise UsageError(f"Milvus Lite is not installed: {', '.join(missing)} missing.", INSTALL)
    if sys.platform == "win32":
        raise UsageError(
            "Milvus Lite on Windows would be open to every user of the machine.",
            "Use a Milvus server.",
        )
