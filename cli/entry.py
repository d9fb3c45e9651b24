"""From the words of a command line to an exit code: every error ends here, and only here."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import typer

from gestalt_space.errors import Fault, GestaltError, Interrupted, OutputError, UsageError
from gestalt_space.paths import display_name

from . import output
from .app import app_for


def run(words: Sequence[str]) -> int:
    """Run one command; returns its exit code.

    0 done; 1 failed; 2 wrong usage; 3 some photos failed; 70 a fault of ours; 130 interrupted.
    """
    # Libraries' notices to programmers are not for the users of a command.
    warnings.simplefilter("ignore")
    # A stream that the caller has closed swallows what is said.
    sys.stdout = sys.stdout or Path(os.devnull).open("w")  # noqa: SIM115 - open to the end
    sys.stderr = sys.stderr or Path(os.devnull).open("w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    as_json = "--json" in words
    stop = _Stop()
    try:
        code = app_for(words)(list(words), prog_name="gestalt", standalone_mode=False) or 0
        if code == Interrupted.exit_code:
            raise KeyboardInterrupt
        sys.stdout.flush()
        return code
    except typer.TyperException as error:
        message = str(getattr(error, "format_message", error.__str__)()).rstrip(".")
        if not message:
            # A group without a command: its help has been shown.
            return UsageError.exit_code
        hint = "Options stand behind the command, and `--` before names that begin with a dash."
        return _end(UsageError(f"{message}.", f"{hint} --help lists them."), as_json)
    except GestaltError as error:
        return _end(error, as_json)
    except (KeyboardInterrupt, typer.Abort):
        return _end(Interrupted("Interrupted. What was done so far is kept."), as_json)
    except BrokenPipeError:
        # The reader of our output has gone: there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        where = f" ({display_name(error.filename)})" if error.filename else ""
        reason = f"{error.strerror or error}{where}."
        hint = "Check the path, its permissions and the free space of the disk."
        return _end(OutputError(f"The system refused: {reason}", hint), as_json)
    except Exception as error:  # noqa: BLE001 - the last place where a fault can be reported
        if stop.asked:
            # The interrupt broke off an import, which then failed in a way of its own.
            return _end(Interrupted("Interrupted."), as_json)
        traceback.print_exc()
        return _end(
            Fault(
                f"A fault of gestalt-space: {type(error).__name__}: {error}.",
                "Please report it with the lines above; they name no photo's content.",
            ),
            as_json,
        )


class _Stop:
    """Remembers that the user asked to stop, whatever becomes of the exception."""

    def __init__(self) -> None:
        self.asked = False
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        signal.default_int_handler(number, frame)


def _end(error: GestaltError, as_json: bool) -> int:
    try:
        output.fail(error, as_json=as_json)
        sys.stdout.flush()
    except OSError:
        # Standard output takes nothing any more; the message has gone to standard error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return error.exit_code
