"""All pages once, with names in every field that would do harm if they were not escaped."""

from __future__ import annotations

import pytest

from tests.pages.samples import all_pages

NASTY = """<script>alert(1)</script> "onload="x </style> --> &amp; $\\alpha$ {{ 7 * 7 }} 臺 é"""


def nasty(name: str) -> str:
    """A name that is still one of its own."""
    return f"{name} {NASTY}"


@pytest.fixture(scope="session")
def nasty_pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Every page, by its name."""
    return all_pages(tmp_path_factory.mktemp("pages"), nasty)
