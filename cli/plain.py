"""Text on terminals and in files that know few characters: what they lack is written in ASCII, and
nothing fails for it.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from pathlib import Path

HANDLER = "gestalt-plain"
IN_ASCII = {
    "…": "...",
    "×": "x",
    "°": " deg",
    "–": "-",
    "—": "-",
    "─": "-",
    "→": "->",
    "←": "<-",
    "≥": ">=",
    "≤": "<=",
    "−": "-",
    "√": "sqrt ",
    "«": '"',
    "»": '"',
    "’": "'",
    "•": "*",
    "·": "*",
    "\u00a0": " ",
}


def use_plain_text() -> None:
    """Let standard output and error take every text. One that the caller has closed swallows it."""
    codecs.register_error(HANDLER, _in_ascii)
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=HANDLER)


def start_in_utf_8() -> None:
    """Start Python again in its UTF-8 mode where the locale's encoding is another one.

    Names in arguments, tables and databases are UTF-8, and so are paths: in another encoding those
    that it cannot write could not be opened. What is printed stays in the terminal's encoding.
    """
    if sys.getfilesystemencoding() == "utf-8":
        return
    if sys.stdout is not None:
        os.environ.setdefault("PYTHONIOENCODING", sys.stdout.encoding)
    command = [os.fsencode(sys.executable), b"-X", b"utf8", *map(in_utf_8, sys.orig_argv[1:])]
    os.execv(sys.executable, command)  # noqa: S606 - the same program with the same words


def in_utf_8(word: str) -> bytes:
    """A word of the command line in UTF-8: as it came where its bytes are UTF-8 already, or name a
    file; else what they mean in the locale's encoding.
    """
    given = os.fsencode(word)
    try:
        given.decode()
    except UnicodeDecodeError:
        return given if os.path.lexists(given) else word.encode("utf-8", "surrogateescape")
    return given


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(IN_ASCII.get(character, "?") for character in lacking), error.end
