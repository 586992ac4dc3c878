"""Pages in a real browser: they work without JavaScript, and show hostile texts as the texts they are."""

import pytest
from playwright.async_api import Browser, Page, expect

from pi_server.testing import Serve
from tests.parts.browser import Tab
from tests.web.pages.asking import CONFIG, ask, sign_in
from tests.web.pages.board.service import Board
from tests.web.pages.naughty import NAUGHTY

pytestmark = pytest.mark.browser


async def _sign_in(page: Page, url: str) -> None:
    await page.goto(f"{url}/board/?mark=here")
    await page.get_by_label("Name").fill("ann")
    await page.get_by_label("Password").fill("open sesame")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="Notes")).to_be_visible()


async def _without_scripts(tab: Tab) -> Page:
    browser: Browser | None = tab.page.context.browser
    assert browser
    return await browser.new_page(java_script_enabled=False)


async def test_everything_works_without_javascript(serve: Serve, tab: Tab) -> None:
    """Sent to sign in and back, a mistake shown beside its field, a note pinned, signed out again."""
    async with serve(Board, config=CONFIG) as server:
        page = await _without_scripts(tab)
        await _sign_in(page, server.url)
        assert page.url == f"{server.url}/board/?mark=here"
        await page.get_by_label("Note").fill("Bread & <b>butter</b>")
        await page.get_by_label("Stars").fill("6")
        await page.get_by_role("button", name="Pin").click()
        await expect(page.locator("#stars-error")).to_have_text("This must be at most 5.")
        await expect(page.get_by_label("Note")).to_have_value("Bread & <b>butter</b>")
        await page.get_by_label("Stars").fill("5")
        await page.get_by_label("Urgent").check()
        await page.get_by_role("button", name="Pin").click()
        await expect(page.get_by_role("listitem")).to_have_text(["Bread & <b>butter</b>"])
        await page.get_by_role("button", name="Sign out").click()
        await page.goto(f"{server.url}/board/")
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


async def test_only_what_is_the_pages_own_runs_and_paints(serve: Serve, tab: Tab) -> None:
    """Its script and style have the nonce and its style sheet is served; the browser complains of nothing."""
    async with serve(Board, config=CONFIG) as server:
        await _sign_in(tab.page, server.url)
        assert await tab.page.evaluate("document.documentElement.dataset.scripts") == "run"
        style = await tab.page.evaluate(
            "(({color, maxWidth}) => [color, maxWidth])(getComputedStyle(document.querySelector('main')))"
        )
        assert style == ["rgb(1, 2, 3)", "640px"]
        assert tab.complaints == []
        assert tab.asked_elsewhere(server.url) == []


async def test_no_hostile_text_is_run(serve: Serve, tab: Tab) -> None:
    """Five hundred of them, as text and in an attribute: each is shown to the letter, and none does anything."""
    assert len(NAUGHTY) == len(set(NAUGHTY)) == 500
    async with serve(Board, config=CONFIG) as server:
        headers = {"x-csrf-token": await sign_in(server)}
        for text in NAUGHTY:
            pinned = await ask(server, "POST", "/board/", json={"text": text}, headers=headers, accept=None)
            assert pinned.status == 200
        await tab.page.add_init_script("window.hits = 0; window.hit = () => { window.hits += 1 }")
        await _sign_in(tab.page, server.url)
        shown = await tab.page.evaluate(
            "Array.from(document.querySelectorAll('li'), (li) => [li.textContent, li.title])"
        )
        assert shown == [[text, text] for text in NAUGHTY]
        await tab.page.mouse.move(200, 200)
        assert await tab.page.evaluate("window.hits") == 0
        assert await tab.page.locator("li *").count() == 0
        assert await tab.page.locator("script").count() == 1
        assert tab.complaints == []
        assert tab.asked_elsewhere(server.url) == []


async def test_hostile_texts_come_back_in_the_fields(serve: Serve, tab: Tab) -> None:
    """What did not fit is in its field again, as it was typed."""
    async with serve(Board, config=CONFIG) as server:
        await tab.page.add_init_script("window.hits = 0; window.hit = () => { window.hits += 1 }")
        await _sign_in(tab.page, server.url)
        for text in NAUGHTY[::25]:
            typed = text.replace("\n", "").replace("\t", "")
            await tab.page.get_by_label("Note").fill(typed)
            await tab.page.get_by_label("Stars").fill(typed)
            await tab.page.get_by_role("button", name="Pin").click()
            await expect(tab.page.locator("#stars-error")).to_have_text("Please enter a whole number.")
            await expect(tab.page.get_by_label("Stars")).to_have_value(typed)
            await expect(tab.page.get_by_label("Note")).to_have_value(typed)
        assert await tab.page.evaluate("window.hits") == 0


async def test_a_page_of_faults_is_styled_and_silent(serve: Serve, tab: Tab) -> None:
    """Its own style is allowed by its policy; the browser complains of nothing but the status."""
    async with serve(Board, config=CONFIG) as server:
        await tab.page.goto(f"{server.url}/board/nothing")
        await expect(tab.page.get_by_role("heading", name="Nothing is here")).to_be_visible()
        width = await tab.page.evaluate("getComputedStyle(document.querySelector('main')).maxWidth")
        assert width == "612px"
        assert all("404" in complaint for complaint in tab.complaints)
