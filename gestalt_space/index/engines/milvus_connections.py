"""Where Milvus keeps collections: in a folder, by Milvus Lite, or on a server; and what its errors
mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

from gestalt_space.errors import EngineAway, EngineError, EngineFull, EngineUnsuitable, UsageError
from gestalt_space.index.engines import lite_server
from gestalt_space.index.engines.milvus_address import split_token
from gestalt_space.index.engines.milvus_client import connect
from gestalt_space.paths import display_name

INSTALL = "Run `pip install 'gestalt-space[milvus]'`."
_NO_COLLECTION, _NO_DATABASE = 100, 800
_FULL = frozenset({3, 7, 9})
"""What a server calls a memory, a disk or a quota that is used up."""
_NOT_LET_IN = frozenset({1400, 1401, 1800})
_NO_ROOM = ("No space left", "Disk quota exceeded")
"""What the system says where Milvus Lite writes."""
_REFUSALS = ("UNAUTHENTICATED", "PERMISSION_DENIED")
"""What gRPC calls it."""
SYNC = "Run `gestalt index engine sync milvus`, or leave out --index."
_AGAIN = "Run `gestalt index engine sync milvus --anew`. The database has everything."


class MilvusConnection(Protocol):
    """To where collections are. `seconds`: to wait for an answer, None for any time."""

    seconds: float | None

    def asking(self) -> AbstractContextManager[Any]:
        """A client of pymilvus, whose errors become `EngineError`."""

    def make_durable(self) -> None:
        """Bring what was written to the disk, within a context of `asking`."""

    def close(self) -> None:
        """Give the connection back. Raises nothing."""


class LiteFolder:
    """A folder of Milvus Lite. `wait`: seconds to wait for another process that has it."""

    seconds: float | None = None

    def __init__(self, folder: Path, wait: float) -> None:
        lite_server.check_installed()
        self.server = lite_server.borrow(folder.absolute(), wait)
        self._is_closed = False

    @contextmanager
    def asking(self) -> Iterator[Any]:
        """A client; nobody else in this process has one meanwhile."""
        server = self.server
        if self._is_closed:
            raise EngineAway("This connection to Milvus Lite is closed.", "Open it again.")
        with server.lock:
            try:
                yield server.client()
            except _errors() as error:
                told = _explained(error, f"Milvus Lite in {display_name(server.folder)}")
                if told is None:
                    told = EngineUnsuitable(
                        f"The files of Milvus Lite in {display_name(server.folder)} cannot be "
                        f"used: {_first_line(error)}.",
                        _AGAIN,
                    )
                # What it has in memory may be less now than what its files have.
                server.stop()
                raise told from error

    def make_durable(self) -> None:
        """Bring what was written to the disk."""
        self.server.make_durable()

    def close(self) -> None:
        """Stop the server where nobody else uses it."""
        if not self._is_closed:
            self._is_closed = True
            lite_server.give_back(self.server)


class MilvusServer:
    """A Milvus server or cluster by its address. `seconds`: to wait for an answer."""

    def __init__(self, address: str, seconds: float) -> None:
        self.seconds: float | None = seconds
        self._seconds = seconds
        if find_spec("pymilvus") is None:
            raise UsageError("pymilvus, by which Milvus is asked, is not installed.", INSTALL)
        self._address, self._token = split_token(address)
        self.told = f"Milvus at {display_name(self._address)}"
        self._client: Any = None
        self._lock = Lock()

    @contextmanager
    def asking(self) -> Iterator[Any]:
        """A client; threads share it."""
        try:
            yield self._connected()
        except _errors() as error:
            told = _explained(error, self.told)
            if told is None:
                told = EngineAway(
                    f"{self.told} does not answer: {_first_line(error)}.",
                    "Check that it runs, and its address and token.",
                )
            # The next question connects anew.
            self._disconnect()
            raise told from error

    def make_durable(self) -> None:
        """Nothing is done: what a server has confirmed is in its log."""

    def close(self) -> None:
        """Give the connection back."""
        self._disconnect()

    def _disconnect(self) -> None:
        with self._lock:
            client, self._client = self._client, None
            if client is not None:
                with suppress(Exception):
                    client.close()

    def _connected(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = connect(self._address, self._seconds, self._token)
            return self._client


def _errors() -> tuple[type[Exception], ...]:
    import grpc
    from pymilvus import MilvusException

    return (MilvusException, grpc.RpcError, grpc.FutureTimeoutError, OSError)


def _explained(error: Exception, who: str) -> EngineError | None:
    """What an error means, where its kind says so."""
    code = getattr(error, "code", None)
    if callable(code):
        return _refused(who) if code().name in _REFUSALS else None
    if code == _NO_COLLECTION:
        return EngineUnsuitable(f"{who} has no such collection.", SYNC)
    if code == _NO_DATABASE:
        return EngineUnsuitable(
            f"{who} has no database of this name.", "Create it there, or use another one."
        )
    if code in _FULL or any(sign in str(error) for sign in _NO_ROOM):
        return EngineFull(
            f"{who} has no room for more: {_first_line(error)}.",
            "Free space on its disk, then run the same command again.",
        )
    return _refused(who) if code in _NOT_LET_IN else None


def _refused(who: str) -> EngineAway:
    return EngineAway(
        f"{who} does not let this user do it.",
        "Check GESTALT_MILVUS_TOKEN and the rights of the user.",
    )


def _first_line(error: Exception) -> str:
    text = str(getattr(error, "message", "") or error).strip() or type(error).__name__
    return text.splitlines()[0][:200].rstrip(".")
