"""The commands and the Python that the pages of the documentation show."""

from __future__ import annotations

import re
import shlex
from functools import cache
from pathlib import Path
from typing import Any

import typer
from gestalt_cli.app import app_for

ROOT = Path(__file__).parents[1]
_BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def blocks_of(page: Path) -> list[str]:
    """The blocks of a page that are not Python, with no line that goes on in the next one."""
    text = page.read_text(encoding="utf-8").replace("\\\n", "")
    # Those of Python are matched, too: their end is not the start of another.
    return [block for language, block in _BLOCK.findall(text) if language != "python"]


def block_commands(page: Path) -> list[str]:
    """The lines of the page's blocks that run `gestalt`, from that word on, in their order."""
    found = [re.findall(r"(?:^|[ =])(gestalt [a-z-].*)", one, re.M) for one in blocks_of(page)]
    return [line for lines in found for line in lines]


def inline_commands(page: Path) -> list[str]:
    """The commands in the page's sentences."""
    prose = re.sub(r"^ *```.*?^ *```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    return [" ".join(one.split()) for one in re.findall(r"`(gestalt [a-z-][^`]*)`", prose)]


def python_of(name: str) -> list[str]:
    """The Python of a page, a block each, on the lines that it has there: errors name them."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return [
        "\n" * text.count("\n", 0, block.start(1)) + block.group(1)
        for block in re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    ]


def words_of(line: str) -> list[str]:
    """What the shell gives to `gestalt`: no comment, no brackets around what may be left out,
    and nothing after a pipe or a redirection."""
    words = shlex.split(re.sub(r"[][]", "", line), comments=True)[1:]
    ends = [place for place, word in enumerate(words) if word in {">", "<", "|", "||", "&&"}]
    return words[: min(ends, default=len(words))]


@cache
def tree() -> Any:
    """The command with all of its groups."""
    return typer.main.get_command(app_for())


def check(line: str) -> None:
    """Raises what `gestalt` raises of a command, an option or a word that it does not know."""
    command = tree()
    words = words_of(line)
    while words and not words[0].startswith("-") and hasattr(command, "commands"):
        if words[0] == "COMMAND":
            return
        command = command.commands[words.pop(0)]
    _, left, _ = command.make_parser(command.context_class(command)).parse_args(args=words)
    assert left == [], line
