"""The documentation page in a real browser: it works offline, and asks nobody but its own server."""

import pytest
from playwright.async_api import Page, expect

from pi_server.testing import Serve
from tests.parts.browser import Tab
from tests.web.documented import Shop

pytestmark = pytest.mark.browser


async def _execute(page: Page, path: str) -> None:
    """Expand the operation at ``path`` and send its example."""
    block = page.locator(".opblock", has=page.locator(f'[data-path="{path}"]'))
    await block.locator(".opblock-summary-control").click()
    await block.get_by_role("button", name="Try it out").click()
    await block.get_by_role("button", name="Execute").click()
    await expect(block.locator(".live-responses-table .response-col_status").last).to_have_text("200")


async def test_the_page_lists_expands_and_executes(serve: Serve, tab: Tab) -> None:
    """All operations are listed; a public one, tried out, answers 200; nothing leaves the origin, nothing complains."""
    async with serve(Shop) as server:
        await tab.page.goto(f"{server.url}/docs")
        await expect(tab.page.locator(".opblock")).to_have_count(11)
        await expect(tab.page.get_by_text("A shop that sells")).to_be_visible()
        await _execute(tab.page, "/api/shop/v1.2/desk/open")
        await expect(tab.page.locator(".live-responses-table")).to_contain_text('"data": true')
        assert f"{server.url}/api/shop/v1.2/desk/open" in tab.asked
        assert tab.asked_elsewhere(server.url) == []
        assert tab.complaints == []


async def test_a_guarded_page_asks_for_the_token(serve: Serve, tab: Tab) -> None:
    """The page asks for the token, refuses a wrong one in words, and uses the right one for what is tried out."""
    async with serve(Shop, config={"docs": "guarded"}) as server:
        await tab.page.goto(f"{server.url}/docs")
        await _show(tab.page, "wrong")
        await expect(tab.page.get_by_role("status")).to_have_text("This token is not known.")
        assert await tab.page.locator(".opblock").count() == 0
        await _show(tab.page, server.headers["x-srv-token"])
        await expect(tab.page.locator(".opblock")).to_have_count(11)
        await expect(tab.page.get_by_label("Service token")).to_be_hidden()
        for path in ("/list", "/rounding"):
            await _execute(tab.page, f"/api/shop/v1.2{path}")
        assert await _stored(tab.page) == 0
        assert tab.asked_elsewhere(server.url) == []
        assert all("401" in complaint for complaint in tab.complaints)


async def _show(page: Page, token: str) -> None:
    await page.get_by_label("Service token").fill(token)
    await page.get_by_role("button", name="Show the documentation").click()


async def _stored(page: Page) -> int:
    found: int = await page.evaluate("localStorage.length + sessionStorage.length + document.cookie.length")
    return found


async def test_the_page_says_when_the_description_is_missing(serve: Serve, tab: Tab) -> None:
    """A server that stopped is told in words, not by an empty page."""
    async with serve(Shop) as server:
        await tab.page.route("**/openapi.json", lambda route: route.abort())
        await tab.page.goto(f"{server.url}/docs")
        await expect(tab.page.get_by_role("status")).to_have_text("The server does not answer.")
