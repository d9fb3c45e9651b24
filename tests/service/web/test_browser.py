"""The pages in Chromium: everybody can use it, in each language, light and dark; nothing leaves
the machine; what a clinician or a curator does works."""

from __future__ import annotations

import json
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
import uvicorn

from gestalt_space.home import Gallery
from gestalt_space.phenotype.release import installed_ontology
from gestalt_space.service import users
from gestalt_space.service.app import create_app
from gestalt_space.service.web.languages import LANGUAGES, Language, tag_of
from gestalt_space.store import jobs
from tests import made
from tests.galleries import add, row
from tests.genomics import made_vcf
from tests.interop.test_phenopackets import packet
from tests.phenotype.made import write_release
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
def hpo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A release of HPO that was made by hand."""
    monkeypatch.setenv("GESTALT_HPO_RELEASE", str(write_release(tmp_path / "release")))
    installed_ontology.cache_clear()
    yield
    installed_ontology.cache_clear()


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


def by_keyboard(page) -> list[str]:
    """What can be used on a page and is not reached with the Tab key, or does not show it."""
    count = page.evaluate("""() => {
        const usable = "a[href], button:enabled, input:enabled:not([type=hidden]), select,"
            + "textarea, summary, [tabindex='0']";
        const all = [...document.querySelectorAll(usable)].filter((one) => one.checkVisibility());
        all.forEach((one, place) => (one.dataset.place = place));
        document.activeElement.blur();
        return all.length;
    }""")
    seen: set[str] = set()
    for _ in range(count + 1):
        page.keyboard.press("Tab")
        seen |= set(page.evaluate("""() => {
            const { dataset } = document.activeElement;
            const { outlineStyle } = getComputedStyle(document.activeElement);
            return dataset.place && outlineStyle !== "none" ? [dataset.place] : [];
        }"""))  # fmt: skip
    return page.evaluate(
        """(seen) => [...document.querySelectorAll("[data-place]")]
            .filter((one) => !seen.includes(one.dataset.place)).map((one) => one.outerHTML)""",
        sorted(seen),
    )


def open_all(page) -> None:
    for part in page.locator("details").all():
        part.evaluate("(one) => { one.open = true }")


def is_too_wide(page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth > innerWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", list(LANGUAGES))
def test_everybody_can_use_ask(open_page, address: str, photos: list[Path], language, scheme: str):
    # The policy would keep out the program that looks, too.
    page = open_page(locale=tag_of(language), color_scheme=scheme, bypass_csp=True)
    ask(page, address, photos)
    assert page.get_attribute("html", "lang") == tag_of(language)
    open_all(page)
    assert serious(page) == []


@pytest.mark.parametrize(
    ("width", "language", "scheme"), [(390, "de", "light"), (1280, "zh_Hant", "dark")]
)
def test_a_clinician_asks_with_a_phenopacket_and_an_exome(
    open_page,
    address: str,
    photos: list[Path],
    tmp_path: Path,
    hpo: None,
    width: int,
    language: Language,
    scheme: str,
):
    pytest.importorskip("cyvcf2", reason="reading a VCF needs cyvcf2")
    case, vcf = tmp_path / "case.json", tmp_path / "exome.vcf"
    case.write_text(json.dumps(packet()), encoding="utf-8")
    made_vcf.write(vcf, [made_vcf.line(gene="BBB1"), made_vcf.line(pos=200, gene="New1")])
    page = open_page(
        locale=tag_of(language),
        color_scheme=scheme,
        viewport={"width": width, "height": 844},
        bypass_csp=True,
    )
    page.goto(f"{address}/")
    page.locator("details:has(#vcf) summary").click()
    page.set_input_files("#phenopacket", case)
    page.set_input_files("#vcf", vcf)
    page.set_input_files("#files", photos[:1])
    page.click("#go")
    page.locator("table.fused").nth(1).wait_for()
    assert page.locator("table.fused .more").count() == 5 + 5
    open_all(page)
    assert "BBB1" in page.locator("dl.evidence").all_inner_texts()[0] + page.inner_text("#answer")
    assert not is_too_wide(page)
    assert serious(page) == []
    with page.expect_download() as download:
        page.click("button[data-into='']")
    download.value.save_as(tmp_path / "report.html")
    assert "BBB1" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.wrong == []


def test_files_that_are_dropped_go_to_their_fields(open_page, address: str, hpo: None):
    page = open_page()
    page.goto(f"{address}/")
    page.evaluate("""() => {
        const dataTransfer = new DataTransfer();
        for (const name of ["a.vcf.gz", "case.json", "face.png"])
            dataTransfer.items.add(new File(["x"], name));
        document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true }));
    }""")
    page.locator(".photo").wait_for()
    assert page.locator(".photo .file").all_inner_texts() == ["face.png"]
    named = "(one) => [...one.files].map((file) => file.name)"
    assert page.locator("#phenopacket").evaluate(named) == ["case.json"]
    assert page.locator("#vcf").evaluate(named) == ["a.vcf.gz"]
    assert page.locator("#vcf").is_visible()
    page.locator("button[type=reset]").click()
    assert page.locator("#vcf").evaluate(named) == []
    assert page.wrong == []


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


def test_faces_of_a_photo_that_was_turned_meanwhile_are_not_shown(
    open_page, address: str, photos: list[Path]
):
    page = open_page()
    held = []
    page.route("**/ask/faces", lambda route: held.append(route))
    page.goto(f"{address}/")
    page.set_input_files("#files", photos[:1])
    page.locator("[data-turn]").click()
    while len(held) < 2:
        page.wait_for_timeout(20)
    held[1].continue_()
    page.locator("#go:enabled").wait_for()
    remarks = page.locator(".remarks").inner_html()
    problem = {"code": "no_face", "message": "", "hint": ""}
    held[0].fulfill(json={"photos": [{"error": problem}]})
    page.wait_for_timeout(200)
    assert page.locator(".remarks").inner_html() == remarks
    page.click("#go")
    page.locator("table.ranking").wait_for()
    assert page.wrong == []


def test_a_comparison_shows_the_face_that_was_asked_about(
    open_page, address: str, photos: list[Path]
):
    page = open_page()
    ask(page, address, photos[:1])

    def face() -> str:
        for line in (0, 1):
            page.locator("[data-line]").nth(line).check()
        page.click("#compare")
        page.locator(".beside-two").wait_for()
        page.wait_for_timeout(300)
        return page.locator(".probe-face canvas").evaluate("(one) => one.toDataURL()")

    before = face()
    page.locator("[data-drop]").click()
    assert page.locator("#adding button").is_disabled()  # nobody would be added
    page.set_input_files("#files", photos[1:])
    page.locator("#go:enabled").wait_for()
    assert page.locator("#adding button").is_enabled()
    assert face() == before
    page.click("#go")
    page.locator("#comparison:empty").wait_for(state="attached")
    assert face() != before


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
    assert not is_too_wide(page)
    page.locator("#adding .result a").last.click()
    page.get_by_role("heading", name="Patient P 9/x").wait_for()
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
        open_all(page)
        assert serious(page) == [], place
        assert not is_too_wide(page), place
        assert by_keyboard(page) == [], place


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
    assert not is_too_wide(page)
    page.get_by_text("Withdraw consent, remove or erase").click()
    page.get_by_role("button", name="Erase the patient").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the receipt").click()
    download.value.save_as(tmp_path / "receipt.json")
    assert '"document": "receipt"' in (tmp_path / "receipt.json").read_text(encoding="utf-8")
    assert [one.patient for one in gallery.patients()] == ["P0", "P1", "P3"]
    assert page.wrong == []


FINDING = {"subject": NASTY_NAME, "estimand": "difference of means", "estimate": 0.25, "n": 2,
           "unit": "families", "low": 0.1, "high": 0.4, "p": 0.01}  # fmt: skip
RESULTS: dict[str, dict[str, object]] = {
    "cohesion": {"document": "cohesion", "warnings": [NASTY_NAME], "cohesion": {
        "patients": 3, "similarity": 0.5, "random_mean": 0.2, "percentile": 99.0, "p": 0.01}},
    "comparison": {"document": "comparison", "groups": [{"patients": 3}, {"patients": 4}],
                   "findings": [FINDING]},
    "backup": {"document": "backup", "backup": {"patients": 3, "photos": 4, "bytes": 5_000_000}},
}  # fmt: skip


def put_result(gallery: Gallery, kind: str, actor: str) -> str:
    """A job that is done, by its id."""
    home = gallery.own_home() or ""
    with gallery.database.writing() as session:
        job = jobs.add_job(session, home, actor, kind, {"cohort": [NASTY_NAME]})
        assert jobs.claim_job(session, home)
        jobs.finish_job(session, job.id, json.dumps(RESULTS[kind]), {"a table.csv": b"x"})
    return job.id


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", list(RESULTS))
def test_everybody_can_use_a_result(
    open_page, address: str, gallery: Gallery, kind: str, scheme: str
):
    key = put_result(gallery, kind, "anybody")
    page = open_page(bypass_csp=True, viewport={"width": 390, "height": 844}, color_scheme=scheme)
    page.goto(f"{address}/cohorts/jobs/{key}")
    assert serious(page) == []
    assert not is_too_wide(page)
    assert by_keyboard(page) == []
    page.on("dialog", lambda one: one.accept())
    page.get_by_role("button", name="Delete the result").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin" if kind == "backup" else "**/cohorts")
    assert "hit" not in page.title()
    assert page.wrong == []


def test_a_job_is_started_and_its_figures_are_seen(open_page, address: str):
    page = open_page(bypass_csp=True)
    page.goto(f"{address}/cohorts")
    page.select_option("#kind", "matrix")
    page.get_by_role("button", name="Start").click()
    page.get_by_role("link", name="Result").click(timeout=60_000)
    picture = page.locator("img.made")
    picture.scroll_into_view_if_needed()
    picture.evaluate("(one) => one.decode()")
    assert picture.evaluate("(one) => one.naturalWidth") > 300
    assert serious(page) == []
    assert page.wrong == []


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_a_result_is_in_sight_on_a_phone(open_page, address: str, gallery: Gallery, language):
    put_result(gallery, "cohesion", "this machine")
    page = open_page(locale=tag_of(language), viewport={"width": 375, "height": 667})
    page.goto(f"{address}/cohorts")
    button = page.locator("#jobs a.button").bounding_box()
    assert button["x"] >= 0
    assert button["x"] + button["width"] <= 375


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_everybody_can_use_the_account(open_page, address: str, gallery: Gallery, language):
    users.add_user(gallery.database, "root", "admin", None)
    users.add_user(gallery.database, "Anna", "reader", PASSWORD)
    users.add_token(gallery.database, "Anna", NASTY_NAME, timedelta(days=9))
    page = open_page(
        bypass_csp=True, locale=tag_of(language), viewport={"width": 390, "height": 844}
    )
    page.on("dialog", lambda one: one.accept())
    page.goto(f"{address}/login?next=/account")
    page.fill("#name", "Anna")
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.locator("#old").wait_for()
    assert serious(page) == []
    assert not is_too_wide(page)
    assert by_keyboard(page) == []
    page.locator("#token-name").focus()
    page.keyboard.type("exomes")
    page.keyboard.press("Enter")
    page.locator("#made code").wait_for()
    assert serious(page) == []
    assert not is_too_wide(page)
    page.locator("button.danger").first.focus()
    page.keyboard.press("Enter")
    page.get_by_text(NASTY_NAME).wait_for(state="detached")
    page.get_by_text("exomes").wait_for()
    page.locator("#old").focus()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Tab")
    page.keyboard.type("another long password")
    page.keyboard.press("Enter")
    page.locator("#name").wait_for()
    assert [one.name for one in users.tokens(gallery.database, "Anna")] == ["exomes"]
    assert page.wrong == []


def test_a_curator_moves_merges_splits_and_undoes(open_page, address: str, gallery: Gallery):
    page = open_page(viewport={"width": 390, "height": 844})
    page.on("dialog", lambda one: one.accept())
    page.goto(f"{address}/gallery/patient?patient=P0")
    page.get_by_text("Merge or split patients").click()
    page.fill("#merge-other", "P1")
    page.keyboard.press("Enter")
    page.locator("#merge").wait_for()
    other = open_page()
    other.on("dialog", lambda one: one.accept())
    other.goto(f"{address}/gallery/patient?patient=P0")
    other.get_by_text("Correct facts").click()
    other.fill("#fact-genes", "NIPBL")
    other.locator("#facts button").click()
    other.locator("dl.facts").get_by_text("NIPBL").wait_for()
    page.locator("#merge button").click()
    page.get_by_text("Somebody else changed this patient in the meantime.").wait_for()
    page.reload()
    page.get_by_text("Merge or split patients").click()
    page.fill("#merge-other", "P1")
    page.keyboard.press("Enter")
    page.locator("#merge").wait_for()
    assert not is_too_wide(page)
    page.locator("#merge button").click()
    page.get_by_text("The patients are merged.").wait_for()
    assert [one.patient for one in gallery.patients()] == ["P0", "P2", "P3"]
    page.get_by_role("link", name="Patient P0").click()
    page.get_by_text("Merge or split patients").click()
    page.locator("#split input[type=checkbox]").first.check()
    page.fill("#split-to", NASTY_NAME)
    page.keyboard.press("Enter")
    page.get_by_text("The patient is split.").wait_for()
    assert not is_too_wide(page)
    page.get_by_role("link", name=f"Patient {NASTY_NAME}").click()
    page.get_by_role("button", name="Undo").click()
    page.wait_for_url("**/gallery")
    page.goto(f"{address}/gallery/patient?patient=P2")
    page.get_by_text("Correct, move or remove this photo").click()
    page.fill("#move-1", "P3")
    page.keyboard.press("Enter")
    page.get_by_text("The photo is moved.").wait_for()
    assert [one.patient for one in gallery.patients()] == ["P0", "P3"]
    assert len(gallery.patient("P3").photos) == 2
    assert "hit" not in page.title()
    assert page.wrong == []


def test_a_table_with_more_photos_than_a_request_holds(
    open_page, address: str, gallery: Gallery, tmp_path: Path
):
    photos = [made.photo_file(tmp_path / f"n{seed}.png", 100 + seed) for seed in range(40)]
    table = tmp_path / "table.csv"
    lines = [f"{one.name},N{place // 2},OMIM:122470" for place, one in enumerate(photos)]
    table.write_text("\n".join(["photo,patient,disorder", *lines, "x.png,P9,"]), encoding="utf-8")
    page = open_page()
    page.on("dialog", lambda one: one.accept())
    page.goto(f"{address}/gallery/import")
    page.set_input_files("#table", table)
    page.set_input_files("#photo", photos)
    page.get_by_role("button", name="Preview").click()
    page.get_by_text("40 of 41 rows can be added.").wait_for()
    assert page.get_by_text("new patient", exact=True).count() == 20
    assert len(gallery.patients()) == 4
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_text("What became of the rows").wait_for()
    page.locator("#rows tbody tr").nth(40).wait_for()
    assert page.locator("#rows").get_by_text("added", exact=True).count() == 40
    assert len([one for one in page.asked if one.endswith("/gallery/import")]) == 3
    assert gallery.stats().counts.photos == 44
    page.get_by_role("button", name="Preview").click()
    page.get_by_text("already there").nth(39).wait_for()
    assert page.wrong == []


def test_a_term_without_a_picture_is_found_and_noted(open_page, address: str, photos: list[Path]):
    page = open_page()
    ask(page, address, photos[:1])
    page.locator("#terms summary").click()
    page.fill("#term-search", "HP:0000252")
    found = page.locator("#terms-more input")
    found.check()
    page.fill("#term-search", "HP:0000001")
    page.locator("#terms-more li").nth(1).wait_for()
    assert found.first.is_checked()
    page.fill("#term-search", "")
    page.locator("#terms-more li").nth(1).wait_for(state="detached")
    page.click("#go")
    page.locator("#answer .asked").get_by_text("HP:0000252").wait_for()
    assert page.wrong == []


def test_what_is_not_there_and_what_fails_is_a_page(
    open_page, address: str, monkeypatch: pytest.MonkeyPatch
):
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("nobody expected this")

    page = open_page(bypass_csp=True, locale="de")
    page.goto(f"{address}/nowhere")
    page.get_by_text("Diese Seite gibt es nicht.").wait_for()
    assert serious(page) == []
    monkeypatch.setattr("gestalt_space.home.Gallery.look_through", broken)
    page.goto(f"{address}/gallery")
    page.get_by_text("Das ist ein Fehler des Programms.").wait_for()
    assert serious(page) == []
    assert page.wrong == []
