"""From the words of a command line to an exit code: every error ends here, and only here."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import typer

from gestalt_space.errors import Fault, GestaltError, Interrupted, OutputError, UsageError
from gestalt_space.lock_holders import doing
from gestalt_space.paths import display_name

from . import output
from .app import app_for, command_of
from .plain import use_plain_text


def run(words: Sequence[str]) -> int:
    """Run one command; returns its exit code.

    0 done; 1 failed; 2 wrong usage; 3 some photos failed; 70 a fault of ours; 130 interrupted from
    the keyboard, 143 ended by the system. It is 0 where the reader of standard output has closed
    it, as `head` does.
    """
    # Libraries' notices to programmers are not for the users of a command.
    warnings.simplefilter("ignore")
    use_plain_text()
    with _Stop() as stop:
        code = _run(words, stop)
    return 128 + stop.asked if stop.asked and code == Interrupted.exit_code else code


def _run(words: Sequence[str], stop: _Stop) -> int:
    as_json = "--json" in words
    stdout = sys.stdout
    try:
        app = app_for(words)
        doing(command_of(app, words))
        code = app(list(words), prog_name="gestalt", standalone_mode=False) or 0
        if code == Interrupted.exit_code:
            raise KeyboardInterrupt
        sys.stdout.flush()
        return code
    except typer.TyperException as error:
        message = str(getattr(error, "format_message", error.__str__)()).rstrip(".")
        if not message:
            # A group without a command: its help has been shown.
            return UsageError.exit_code
        hint = "Put options after the command, and `--` before names that start with a dash."
        end = "" if message.endswith("?") else "."
        return _end(UsageError(f"{message}{end}", f"{hint} --help lists them."), as_json)
    except GestaltError as error:
        return _end(error, as_json)
    except (KeyboardInterrupt, typer.Abort):
        return _end(Interrupted("Interrupted."), as_json)
    except (BrokenPipeError, SystemExit) as error:
        # Typer makes an exit of a broken pipe.
        if not isinstance(error.__context__ or error, BrokenPipeError):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())
        return 0
    except OSError as error:
        where = f" ({display_name(error.filename)})" if error.filename else ""
        reason = f"{error.strerror or error}{where}."
        hint = "Check the path, its permissions and the free space of the disk."
        return _end(OutputError(f"The operating system reports: {reason}", hint), as_json)
    except Exception as error:  # noqa: BLE001 - the last place where a fault can be reported
        if stop.asked:
            # The interrupt broke off an import, which then failed in a way of its own.
            return _end(Interrupted("Interrupted."), as_json)
        kind = type(error).__name__
        if _of_torchrun() is None:
            traceback.print_exc()
        return _end(
            Fault(
                f"A bug in gestalt-space: {kind}: {error}.",
                "Please report it with the lines above. They do not show the content of photos.",
            ),
            as_json,
            kind,
        )


class _Stop(AbstractContextManager["_Stop"]):
    """Lets the system's wish to end the process interrupt it as the user's does, and remembers
    which signal it was, whatever becomes of the exception; 0 for none.
    """

    def __init__(self) -> None:
        self.asked = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> _Stop:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = number
        signal.default_int_handler(number, frame)


def _of_torchrun() -> Path | None:
    """The file from which torchrun shows the error of a process that is not the first of several;
    None for a process that shows its errors itself."""
    place = os.environ.get("TORCHELASTIC_ERROR_FILE")
    return Path(place) if place and os.environ.get("RANK", "0") != "0" else None


def _end(error: GestaltError, as_json: bool, kind: str = "") -> int:
    """`kind`: of the exception behind a fault."""
    place = _of_torchrun()
    if place is not None:
        # The file stays, and the message may name a patient.
        told = f"{error.code} {kind}".strip()
        found = {"message": told, "extraInfo": {"timestamp": str(int(time.time()))}}
        with suppress(OSError):
            place.write_text(json.dumps({"message": found}), encoding="utf-8")
        return error.exit_code
    try:
        output.fail(error, as_json=as_json)
        sys.stdout.flush()
    except OSError:
        # Standard output takes nothing any more; the message has gone to standard error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return error.exit_code
