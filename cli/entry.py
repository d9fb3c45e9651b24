"""From the words of a command line to an exit code: every error ends here, and only here."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Sequence

import typer

from gestalt_space.errors import GestaltError, UsageError

from . import output
from .app import app

INTERRUPTED = 130
INTERNAL = 70


def run(words: Sequence[str]) -> int:
    """Run one command; returns its exit code.

    0 done; 1 failed; 2 wrong usage; 3 some photos failed; 70 a fault of ours; 130 interrupted.
    """
    # Libraries' notices to programmers are not for the users of a command.
    warnings.simplefilter("ignore")
    as_json = "--json" in words
    try:
        return app(list(words), prog_name="gestalt", standalone_mode=False) or 0
    except typer.TyperException as error:
        hint = "Run the command with --help for its options."
        output.fail(UsageError(_message(error), hint), as_json=as_json)
        return UsageError.exit_code
    except GestaltError as error:
        output.fail(error, as_json=as_json)
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        output.say("Interrupted. What was done so far is kept.")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone: there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001 - the last place where a fault can be reported
        traceback.print_exc()
        fault = GestaltError(
            f"A fault of gestalt-space: {type(error).__name__}: {error}.",
            "Please report it with the lines above; they name no photo's content.",
        )
        output.fail(fault, as_json=as_json)
        return INTERNAL


def _message(error: typer.TyperException) -> str:
    text = getattr(error, "format_message", error.__str__)()
    return str(text).rstrip(".") + "."
