"""Commands run under the shim, and what they changed of a folder, in order."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

SHIM = Path(__file__).with_name("shim.c")
KINDS = ("", "create", "write", "truncate", "sync", "rename", "unlink", "rmdir", "mkdir", "link")
_RECORD = struct.Struct("<IIIIQQQ")

Kind = Literal["create", "write", "truncate", "sync", "rename", "unlink", "rmdir", "mkdir", "link"]


@dataclass(frozen=True)
class Change:
    """One change: `path` and `second` where it has names, `inode` where it is of a file or folder
    that is open or new, `data` written at `offset`, the `length` that a file is cut to."""

    kind: Kind
    path: str
    second: str
    inode: int
    offset: int
    length: int
    data: bytes


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, what it said, and how many changes there were that can
    fail."""

    code: int
    told: str
    counted: int


def read_log(path: Path) -> list[Change]:
    data, place, found = path.read_bytes(), 0, []
    while place < len(data):
        kind, first, second, has_data, inode, offset, length = _RECORD.unpack_from(data, place)
        place += _RECORD.size
        names = []
        for size in (first, second):
            names.append(os.fsdecode(data[place : place + size]))
            place += size
        body = data[place : place + length] if has_data else b""
        place += len(body)
        found.append(Change(KINDS[kind], *names, inode, offset, length, body))  # type: ignore[arg-type]
    return found


class Server:
    """The process that runs commands; see `server`."""

    def __init__(self, shim: Path, models: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.server"],
            cwd=Path(__file__).parents[2],
            env=os.environ
            | {
                "LD_PRELOAD": str(shim),
                "GESTALT_MODELS": str(models),
                "GESTALT_SETTINGS": os.devnull,
                "GESTALT_BUSY_TIMEOUT": "5",
                "OMP_NUM_THREADS": "1",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._heard() == "ready"

    def record(
        self,
        folder: Path,
        log: Path,
        words: Sequence[object],
        environment: Mapping[str, str] | None = None,
    ) -> tuple[Ended, list[Change]]:
        """Run a command and follow what it changes below a folder."""
        more = dict(environment or {})
        ended = self._ask(words, folder=str(folder), log=str(log), environment=more)
        return ended, read_log(log)

    def fail(
        self, folder: Path, words: Sequence[object], *, first: int, errno: int, half: bool = False
    ) -> Ended:
        """Run a command whose changes below a folder fail from the one of a number on, that one
        after half of it was written; none for 0."""
        return self._ask(words, folder=str(folder), first=first, errno=errno, half=int(half))

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._process.stdout.close()

    def _ask(self, words: Sequence[object], **how: object) -> Ended:
        assert self._process.stdin is not None
        asked = {"words": [str(word) for word in words], "environment": {}, **how}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return Ended(**self._heard())

    def _heard(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the server ended with {self._process.wait()}"
        return json.loads(line)
