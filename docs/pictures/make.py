"""Takes the pictures of the service's pages anew, on the patients of `gestalt demo`.

python docs/pictures/make.py GESTALT-DEMO [CHROMIUM]
"""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).parent
PAGES = ("gallery", "cohorts", "admin")
SHOWN = """[...document.querySelectorAll("tbody img")].slice(0, 4).every(
    image => image.complete && image.naturalWidth)"""


def take(page: Page, name: str) -> None:
    """Keep a picture of a page, with few colours."""
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(255).save(HERE / f"{name}.png", optimize=True)


def main(demo: Path, chromium: str = "/usr/bin/chromium") -> None:
    """Serve the demo's gallery, and take a picture of each page."""
    command = [Path(sys.executable).with_name("gestalt"), "serve", "--port", "0", "--home"]
    service = subprocess.Popen([*command, demo / "home"], stderr=subprocess.PIPE, text=True)  # noqa: S603
    try:
        assert service.stderr is not None  # noqa: S101
        address = service.stderr.readline().split()[1].rstrip("/")
        photo = sorted((demo / "cohort" / "photos").iterdir())[5]
        with sync_playwright() as browsers:
            browser = browsers.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1280, "height": 860})
            page.goto(f"{address}/")
            page.set_input_files("input[type=file]", str(photo))
            page.locator("#go:enabled").click()
            page.locator("tbody tr").first.wait_for()
            page.wait_for_load_state("networkidle")
            page.evaluate("scrollTo(0, 0)")
            page.wait_for_function(SHOWN)
            take(page, "ask")
            for name in PAGES:
                page.goto(f"{address}/{name}")
                take(page, name)
            browser.close()
    finally:
        service.terminate()
        service.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
