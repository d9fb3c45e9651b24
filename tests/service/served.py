"""A real `gestalt serve` in a process of its own, on a free port of this machine."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_RUN = """
import sys
from functools import partial
from gestalt_space.service import configuration
from gestalt_cli.entry import run
configuration.ServiceOptions = partial(configuration.ServiceOptions, **{options})
sys.exit(run(sys.argv[1:]))
"""


@dataclass
class Served:
    """A service that runs. `address`: without a slash at its end."""

    address: str
    process: subprocess.Popen[str]

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code after a signal."""
        self.process.send_signal(how)
        return self.process.wait(timeout=40)


@contextmanager
def served(home: Path, *words: str, **options: int) -> Iterator[Served]:
    """A service on a home, for the length of a test. `options`: those of `ServiceOptions` that the
    command does not have."""
    code = _RUN.format(options=options)
    command = ["serve", "--home", str(home), "--port", "0", "--detector", "aligned", *words]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *command],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    # Ends what never comes to listen.
    limit = threading.Timer(60, process.kill)
    limit.start()
    try:
        told = ""
        while (found := re.search(r"Open (http\S+?)/ in a browser", told)) is None:
            line = process.stderr.readline()
            assert line, told
            told += line
        limit.cancel()
        yield Served(found[1], process)
    finally:
        limit.cancel()
        if process.poll() is None:
            process.kill()
        process.wait(timeout=20)
        process.stderr.close()
