"""The pages in Chromium: everybody can use it, in each language, light and dark; nothing leaves
the machine; what a clinician or a curator does works."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import uvicorn

from gestalt_space.home import Gallery
from gestalt_space.service import users
from gestalt_space.service.app import create_app
from gestalt_space.service.web.languages import LANGUAGES, tag_of
from tests import made
from tests.galleries import add, row
from tests.service.conftest import PASSWORD

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]
NASTY_NAME = """<img src=x onerror="document.title='hit'">"""


@pytest.fixture
def address(gallery: Gallery) -> Iterator[str]:
    """Where a service answers, on loopback, for as long as the test runs."""
    server = uvicorn.Server(
        uvicorn.Config(create_app(gallery), log_config=None, access_log=False, lifespan="on")
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=30)


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        # In a container Chromium has no sandbox; it asks only a server of ours.
        shown = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield shown
        shown.close()


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Photos of somebody who is not in the gallery."""
    return [made.photo_file(tmp_path / f"{seed}.png", seed) for seed in (30, 31)]


@pytest.fixture
def open_page(browser, address: str) -> Iterator[object]:
    """Opens a page of its own, with a log of the addresses that it asked."""
    with ExitStack() as opened:

        def page(**options: object):
            context = browser.new_context(**options)
            opened.callback(context.close)
            context.set_default_timeout(30_000)
            shown = context.new_page()
            shown.asked, shown.wrong = [], []
            shown.on("request", lambda one: shown.asked.append(one.url))
            shown.on("pageerror", lambda one: shown.wrong.append(str(one)))
            shown.on("console", lambda one: shown.wrong.append(one.text)
                     if "Content Security Policy" in one.text else None)  # fmt: skip
            return shown

        yield page


def ask(page, address: str, photos: list[Path]) -> None:
    page.goto(f"{address}/")
    page.set_input_files("#files", photos)
    page.locator("#photos .good, #photos .remark").nth(len(photos) - 1).wait_for()
    page.click("#go")
    page.locator("table.ranking").first.wait_for()


def serious(page) -> list[tuple[str, str]]:
    """What axe finds that keeps somebody from using a page: the rule, and where."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    return [
        (one["id"], one["nodes"][0]["html"][:200])
        for one in axe.run(page).response["violations"]
        if one["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", list(LANGUAGES))
def test_everybody_can_use_ask(open_page, address: str, photos: list[Path], language, scheme: str):
    # The policy would keep out the program that looks, too.
    page = open_page(locale=tag_of(language), color_scheme=scheme, bypass_csp=True)
    ask(page, address, photos)
    assert page.get_attribute("html", "lang") == tag_of(language)
    for part in page.locator("details").all():
        part.evaluate("(one) => { one.open = true }")
    assert serious(page) == []


def test_nothing_leaves_the_machine_and_nothing_foreign_runs(
    open_page, address: str, gallery: Gallery, photos: list[Path], tmp_path: Path
):
    nasty = made.photo_file(tmp_path / "nasty.png", 7)
    add(gallery, row(nasty, NASTY_NAME, "ORPHA:199"))
    page = open_page()
    ask(page, address, photos[:1])
    page.locator("details:has(#by) summary").click()
    page.select_option("#by", "patient")
    page.locator("#answer table").evaluate("(one) => one.remove()")
    page.click("#go")
    page.get_by_text(NASTY_NAME).first.wait_for()
    assert "hit" not in page.title()
    assert {one.split("/")[2] for one in page.asked if not one.startswith(("blob:", "data:"))} == {
        address.split("/")[2]
    }
    # One request for the ranking.
    assert page.asked.count(f"{address}/ask") == 2
    assert page.wrong == []


def test_a_clinician_looks_compares_saves_and_adds(
    open_page, address: str, gallery: Gallery, photos: list[Path], tmp_path: Path
):
    page = open_page(viewport={"width": 390, "height": 844})
    ask(page, address, photos)
    assert page.locator("table.ranking").count() == 1  # as one patient
    page.locator("[data-turn]").first.click()
    page.locator("#go:enabled").wait_for()
    for line in (0, 1):
        page.locator("[data-line]").nth(line).check()
    page.click("#compare")
    page.locator(".beside-two figure").first.wait_for()
    with page.expect_download() as download:
        page.click("button[data-into='']")
    download.value.save_as(tmp_path / "report.html")
    assert "data:image/png" in (tmp_path / "report.html").read_text(encoding="utf-8")
    page.click("#adding summary")
    page.fill("#add-patient", "P 9/x")
    page.fill("#add-disorder", "ORPHA:199")
    page.click("#adding button")
    page.locator("#adding .result, #adding .problem").first.wait_for()
    assert page.locator("#adding .problem").all_inner_texts() == []
    assert page.locator("#adding .result").count() == 2
    assert len(gallery.patient("P 9/x").photos) == 2
    wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert not wide
    assert page.wrong == []


def test_an_error_is_told_in_the_readers_language(open_page, address: str, tmp_path: Path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no photo")
    page = open_page(locale="de")
    page.goto(f"{address}/")
    page.set_input_files("#files", broken)
    told = page.locator(".photo [role=alert]")
    told.wait_for()
    assert "Das ist kein Foto" in told.inner_text()
    assert page.locator("#go").is_disabled()


def test_who_logs_in_sees_the_page_and_logs_out(open_page, address: str, gallery: Gallery):
    users.add_user(gallery.database, "Anna", "admin", PASSWORD)
    axed = open_page(bypass_csp=True)
    axed.goto(f"{address}/login")
    assert serious(axed) == []
    page = open_page()
    page.goto(f"{address}/")
    page.fill("#name", "Anna")
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.locator("#question").wait_for()
    page.get_by_role("button", name="Log out").click()
    page.locator("#password").wait_for()
    assert page.wrong == []


def test_everybody_can_use_gallery_cohorts_and_admin(open_page, address: str):
    page = open_page(bypass_csp=True, viewport={"width": 390, "height": 844})
    gallery = ("gallery", "gallery/undiagnosed", "gallery/import", "gallery/patient?patient=P0")
    for place in (*gallery, "cohorts", "admin", "admin/audit"):
        page.goto(f"{address}/{place}")
        for part in page.locator("details").all():
            part.evaluate("(one) => { one.open = true }")
        assert serious(page) == [], place
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), place


def test_a_curator_finds_corrects_undoes_and_erases(
    open_page, address: str, gallery: Gallery, tmp_path: Path
):
    page = open_page(viewport={"width": 390, "height": 844})
    page.on("dialog", lambda one: one.accept())
    page.goto(f"{address}/gallery")
    page.fill("#containing", "P2")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="P2").click()
    page.get_by_text("Correct facts").click()
    page.fill("#fact-genes", "NIPBL")
    page.fill("#fact-disorder", "")
    page.locator("#facts button").click()
    page.locator("dl.facts").get_by_text("no diagnosis").wait_for()
    assert gallery.patient("P2").genes == ("NIPBL",)
    page.get_by_role("button", name="Undo").click()
    page.locator("dl.facts").get_by_text("ORPHA:199").wait_for()
    page.get_by_role("button", name="Compare with the gallery").click()
    page.locator("#rematched table").wait_for()
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    page.get_by_text("Withdraw consent, remove or erase").click()
    page.get_by_role("button", name="Erase the patient").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the receipt").click()
    download.value.save_as(tmp_path / "receipt.json")
    assert '"document": "receipt"' in (tmp_path / "receipt.json").read_text(encoding="utf-8")
    assert [one.patient for one in gallery.patients()] == ["P0", "P1", "P3"]
    assert page.wrong == []
