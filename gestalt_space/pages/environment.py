"""The environment of all templates: values are escaped, and one that is missing is an error.

A page holds all that it shows. Its Content-Security-Policy lets the browser load nothing and run
only the scripts that belong to the page, by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from gestalt_space import __version__
from gestalt_space.pages.numbers import FILTERS

ENDINGS = (".html", ".htm")
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def render(template: str, *, maker: str, scripts: Sequence[str] = (), **values: object) -> str:
    """A page as HTML. `maker`: the command that made it, named in the page; `scripts`: files of
    `static/` that it runs, in this order. Raises `jinja2.UndefinedError` for a missing value."""
    texts = [static(name) for name in scripts]
    allowed = " ".join(f"'sha256-{_digest(text)}'" for text in texts)
    return (
        _environment()
        .get_template(template)
        .render(
            generator=f"{maker} {__version__}",
            version=__version__,
            policy=f"{POLICY}; script-src {allowed}" if texts else POLICY,
            style=static("page.css"),
            scripts=texts,
            **values,
        )
    )


@lru_cache
def static(name: str) -> Markup:
    """A style sheet or script of this package, to be put into a page as it is."""
    text = (files(__package__) / "static" / name).read_text(encoding="utf-8")
    return Markup(text)  # noqa: S704 - a file of this package


@lru_cache(maxsize=1)
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("gestalt_space.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(FILTERS)
    return made


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
