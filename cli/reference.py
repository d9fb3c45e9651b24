"""The command reference in `docs/`, made from the commands themselves."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from gestalt_space import errors
from gestalt_space.settings import Settings

from .app import app_for

HEADER = """# Commands

For everybody who types commands. At the end you know every command, option, error code and setting.

Generated from the code by `make docs`.
"""
EXIT_CODES = """
## Exit codes

| code | meaning |
|---|---|
| 0 | done |
| 1 | failed; the message says why, and the hint says what to do |
| 2 | wrong usage: a wrong option or column, or a licence that was not accepted |
| 3 | done, but some photos failed; the output lists the reason for each |
| 70 | a bug in gestalt-space |
| 130 | interrupted from the keyboard (SIGINT); the message says what is kept |
| 143 | stopped by the system (SIGTERM), with the same message |

Data goes to standard output, everything else to standard error. With `--json`, standard output is
always one JSON document; if the whole command failed, it has the key `error`.
"""


def reference() -> str:
    """The whole reference as Markdown."""
    root: Any = typer.main.get_command(app_for())
    parts = [HEADER, *_commands(root, "gestalt"), EXIT_CODES, *_errors(), *_settings()]
    return "\n".join(part.strip("\n") + "\n" for part in parts)


def _commands(command: Any, path: str) -> Iterator[str]:
    if hasattr(command, "commands"):
        yield f"## {path}\n\n{_text(command.help)}\n"
        for name, child in command.commands.items():
            yield from _commands(child, f"{path} {name}")
        return
    yield f"### {path}\n\n{_text(command.help)}\n"
    usage = " ".join(_argument(param) for param in command.params if _is_argument(param))
    yield f"```\n{path} [OPTIONS] {usage}".rstrip() + "\n```\n"
    rows = [_row(param) for param in command.params]
    yield "\n".join(["| | |", "|---|---|", *rows]) + "\n"


def _row(param: Any) -> str:
    title = _argument(param) if _is_argument(param) else ", ".join(param.opts)
    default = param.default
    shown = (
        f" Default: {default}."
        if isinstance(default, str | int) and not isinstance(default, bool) and default
        else ""
    )
    return f"| `{title.replace('|', chr(92) + '|')}` | {_text(param.help)}{shown} |"


def _argument(param: Any) -> str:
    name = str(param.metavar or param.name.upper()) + "…" * (param.nargs == -1)
    return name if param.required else f"[{name}]"


def _is_argument(param: Any) -> bool:
    return bool(param.param_type_name == "argument")


def _errors() -> Iterator[str]:
    yield "## Errors\n\nThe `code` of an error in JSON, and its meaning.\n"
    kinds = [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.GestaltError)
    ]
    rows = [
        f"| `{kind.code}` | {_text(kind.__doc__).split('.')[0]} | {kind.exit_code} |"
        for kind in sorted(kinds, key=lambda kind: kind.code)
    ]
    yield "\n".join(["| code | meaning | exit code |", "|---|---|---|", *rows]) + "\n"


def _settings() -> Iterator[str]:
    yield (
        "## Settings\n\nSettings come from environment variables, or from a file: `settings.toml` "
        "in the user's configuration folder, or the file that `GESTALT_SETTINGS` names. In the "
        "file, write the name of a setting without `GESTALT_`.\n"
    )
    rows = [
        f"| `GESTALT_{name.upper()}` | {field.description} | {_default(field)} |"
        for name, field in Settings.model_fields.items()
    ]
    yield "\n".join(["| variable | meaning | default |", "|---|---|---|", *rows]) + "\n"


def _default(field: Any) -> str:
    if field.default_factory is dict or field.default == ():
        return "none"
    if field.default_factory is not None:
        return "the user's data folder"
    if field.default is None:
        return ""
    return field.default if isinstance(field.default, str) else f"{field.default:,}"


def _text(text: str | None) -> str:
    paragraphs = inspect.cleandoc(text or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
