"""A second process that stops where a test wants it to, and waits for a word.

It says a line of JSON on its standard output, and hears a line on its standard input: what happens
first is decided by the test, and not by the clock.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

_PRELUDE = """
import json, os, sys
from pathlib import Path

def say(what):
    print(json.dumps(what), flush=True)

def hear():
    line = sys.stdin.readline()
    if not line:
        sys.exit("nobody is there any more")
    return json.loads(line)

def stop(where):
    say(where)
    hear()
"""


class Process:
    """Runs a script that has `say(what)`, `hear()` and `stop(where)`, with `sys.argv[1:]`."""

    def __init__(self, script: str, *words: object) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PRELUDE + script, *map(str, words)],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def heard(self) -> Any:
        """What it says next."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"it ended with {self._process.wait()}"
        return json.loads(line)

    def tell(self, what: object = "go on") -> None:
        """Say something to it, or let it go on."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()

    def ask(self, what: object) -> Any:
        """What it answers."""
        self.tell(what)
        return self.heard()

    def kill(self) -> None:
        """As the system does where memory is short: at once."""
        self._process.kill()
        self._process.wait(timeout=60)

    def ended(self) -> int:
        """Wait for its end; its exit code, the signal below 0."""
        return self._process.wait(timeout=120)

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=60)
        finally:
            self._process.kill()
            self._process.stdout.close()
