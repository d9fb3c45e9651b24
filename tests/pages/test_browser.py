"""Pages in Chromium: names are text, nothing foreign runs, and pointing says what is there."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.pages.conftest import NASTY
from tests.pages.parsed import Page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]
LOOK = """
addEventListener("load", () => {
  const found = {
    title: document.title,
    text: document.body.textContent,
    handlers: [...document.querySelectorAll("*")].flatMap((one) => one.getAttributeNames())
      .filter((name) => name.startsWith("on")),
    elements: [...document.querySelectorAll("body *")].map((one) => one.localName),
    broken: [...document.images].filter((one) => !one.naturalWidth).length,
    dark: matchMedia("(prefers-color-scheme: dark)").matches,
    wide: document.documentElement.scrollWidth > innerWidth,
    said: [],
  };
  for (const place of document.querySelectorAll(".pointed")) {
    if (!place.clientWidth) continue;
    const svg = place.querySelector("svg"), told = place.closest(".telling").querySelector(".told");
    const data = JSON.parse(place.nextElementSibling.textContent);
    const [x, y] = data.points ? data.points[2]
      : [data.left + 2.5 * data.width, data.top + 1.5 * data.height];
    const drawn = svg.getBoundingClientRect(), scale = drawn.width / svg.viewBox.baseVal.width;
    const at = { clientX: drawn.left + x * scale, clientY: drawn.top + y * scale, bubbles: true };
    svg.dispatchEvent(new PointerEvent("pointermove", at));
    found.said.push(told.textContent);
    const here = place.querySelector(".here").getBoundingClientRect();
    found.off = Math.max(Math.abs((here.left + here.right) / 2 - at.clientX),
      Math.abs((here.top + here.bottom) / 2 - at.clientY));
    for (const key of ["ArrowRight", "ArrowDown", "ArrowUp", "ArrowLeft"]) {
      place.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
      found.said.push(told.textContent);
    }
  }
  document.title = "found " + JSON.stringify(found);
});
"""


def seen(text: str, folder: Path, *options: str) -> dict[str, Any]:
    """What a script of ours, which the page's policy is made to allow, finds in the page."""
    digest = base64.b64encode(hashlib.sha256(LOOK.encode()).digest()).decode()
    policy = f"img-src data:; script-src &#39;sha256-{digest}&#39;"
    if "; script-src " in text:
        text = text.replace("; script-src ", f"; script-src &#39;sha256-{digest}&#39; ", 1)
    else:
        text = text.replace("img-src data:", policy, 1)
    path = folder / "page.html"
    path.write_text(text.replace("</body>", f"<script>{LOOK}</script></body>"), encoding="utf-8")
    # In a container Chromium has no sandbox; it opens files of ours, and has no network.
    words = ("--headless", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND")
    own = (f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=5000", "--dump-dom")
    assert CHROMIUM is not None
    ran = subprocess.run(
        [CHROMIUM, *words, *own, *options, path.as_uri()],
        capture_output=True, text=True, timeout=100, check=True,
    )  # fmt: skip
    found = re.search(r"<title>found (.*?)</title>", ran.stdout, re.DOTALL)
    assert found, ran.stderr[-2000:]
    document: dict[str, Any] = json.loads(html.unescape(found[1]))
    return document


@pytest.mark.parametrize(
    "name", ["demo", "evaluation", "report", "matrix", "two sets", "map", "explanation"]
)
def test_a_page_is_shown_as_it_was_written(nasty_pages: dict[str, str], tmp_path: Path, name: str):
    page = Page(nasty_pages[name])
    found = seen(nasty_pages[name], tmp_path)
    assert NASTY in found["text"]
    assert found["title"] in page.texts
    assert found["handlers"] == []
    assert found["broken"] == 0
    assert not found["wide"]
    elements = [one for one in found["elements"] if one != "span"]
    head = [tag for tag, _ in page.elements].index("body") + 1
    written = [tag for tag, _ in page.elements[head:] if tag != "span"]
    # Names of SVG's elements have capitals in a browser; the last script is the test's.
    assert [one.lower() for one in elements] == [*written, "script"]


def test_pointing_at_a_cell_says_what_it_is(nasty_pages: dict[str, str], tmp_path: Path):
    text = nasty_pages["matrix"]
    (data,) = [json.loads(one) for kind, one in Page(text).scripts if kind == "application/json"]
    found = seen(text, tmp_path)
    cells = [(1, 2), (1, 3), (2, 3), (1, 3), (1, 2)]
    starts = [f"{data['rows'][row]} – {data['rows'][column]}: " for row, column in cells]
    assert len(found["said"]) == len(starts)
    assert all(map(str.startswith, found["said"], starts))
    assert re.fullmatch(r"−?[01]\.\d{3}", found["said"][0].removeprefix(starts[0]))
    assert found["off"] < 1


def test_pointing_at_a_patient_says_who_it_is(nasty_pages: dict[str, str], tmp_path: Path):
    found = seen(nasty_pages["map"], tmp_path, "--blink-settings=preferredColorScheme=0")
    assert found["said"][0].startswith("P0002")
    assert len(set(found["said"])) > 1
    assert all(NASTY in said for said in found["said"])
    assert found["off"] < 1
    assert found["dark"]
