"""Who holds what one process alone may hold: a note beside it, from which others can say whom they
wait for. The note locks nothing, and one that a dead process left is not believed."""

from __future__ import annotations

import functools
import json
import os
import platform
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from gestalt_space.atomic_files import write_private

_work: list[str] = []
"""What this process was started to do, the last entry; see `doing`."""


@dataclass(frozen=True, slots=True)
class LockHolder:
    """A process that holds something, as it said itself. `work`: its command, without what was
    given to it; `since`: seconds since 1970; `born`: when the process began, in ticks of its
    system, empty where that is not known; `place`: its system and container."""

    pid: int
    host: str
    work: str
    since: float
    born: str
    place: str

    @property
    def told(self) -> str:
        """Who it is, for a person."""
        clock = time.strftime("%Y-%m-%d %H:%M", time.localtime(self.since))
        where = f"process {self.pid} on {self.host} since {clock}"
        if self.place == _place():
            return f"`{self.work}` ({where}), which is still running"
        return f"`{self.work}` ({where}), on another machine or in another container"


def doing(work: str) -> None:
    """Say what this process does, for the notes that it leaves: a command without its arguments,
    which may name patients."""
    _work.append(work)


def leave_note(path: Path) -> None:
    """Note at a path that this process holds what the note is about. On a disk that refuses it
    there is none."""
    pid = os.getpid()
    note = LockHolder(pid, platform.node(), _command(), time.time(), _born_myself(pid), _place())
    with suppress(OSError):
        write_private(path, json.dumps(asdict(note)).encode())


def take_note_away(path: Path) -> None:
    """Before what it is about is let go: another process leaves its own then."""
    with suppress(OSError):
        path.unlink(missing_ok=True)


def holder_of(path: Path) -> LockHolder | None:
    """Who left the note at a path; None where there is none, or its process is dead: then somebody
    holds it who has not said so."""
    try:
        holder = LockHolder(**json.loads(path.read_bytes()))
        is_dead = holder.place == _place() and (
            not _lives(holder.pid) or holder.born != _born(holder.pid)
        )
    except (OSError, ValueError, TypeError):
        return None
    return None if is_dead else holder


def _command() -> str:
    return _work[-1] if _work else Path(sys.argv[0] or "python").name


def _place() -> str:
    """The system and, where there are such, the container whose numbers of processes these are."""
    try:
        return f"{platform.node()} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return platform.node()


def _born(pid: int) -> str:
    try:
        text = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
        # Behind the name in brackets, which may hold anything: the 22nd field of all.
        return text.rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


@functools.lru_cache(maxsize=1)
def _born_myself(pid: int) -> str:
    """When this process began; after a fork it is another one."""
    return _born(pid)


def _lives(pid: int) -> bool:
    if os.name != "posix":
        return True  # asking would end it there
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
