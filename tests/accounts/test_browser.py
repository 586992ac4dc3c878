"""The whole story in a real browser, without JavaScript and without a mouse: on SQLite and on MongoDB."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from itertools import product
from pathlib import Path

import pytest
from aiohttp import ClientSession
from playwright.async_api import BrowserContext, Page, async_playwright, expect

from pi_server.testing import Served
from tests.accounts.scene import PASSWORD, serving

pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)


@pytest.fixture
async def tab() -> AsyncIterator[Page]:
    """A tab of Chromium that runs no script, the one $TEST_CHROMIUM names or else the one on PATH."""
    chromium = shutil.which(os.environ.get("TEST_CHROMIUM") or "chromium")
    if not chromium:
        pytest.fail("Browser tests need Chromium: install it, name it in TEST_CHROMIUM, or choose BROWSER=0.")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        context = await browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
        yield await context.new_page()
        await browser.close()


async def _fill(page: Page, button: str, **fields: str) -> None:
    """Fill fields by their labels, and press a button by its name."""
    for label, text in fields.items():
        await page.get_by_label(label).fill(text)
    await page.get_by_role("button", name=button).click()


async def _sign_up_and_in(page: Page, site: str) -> None:
    await page.goto(f"{site}/accounts/records/")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    await page.get_by_role("link", name="Sign up").click()
    await _fill(page, "Sign up", **{"E-mail address": "ann@example.com", "Password": "short"})
    await expect(page.get_by_role("alert")).to_contain_text("at least 15 characters")
    await expect(page.get_by_text("This is no e-mail address.")).to_have_count(0)
    assert await page.get_by_label("E-mail address").input_value() == "ann@example.com"
    assert await page.get_by_label("Password").input_value() == ""
    await _fill(page, "Sign up", Password=PASSWORD)
    await expect(page.get_by_role("status")).to_contain_text("You can sign in.")
    await _fill(page, "Sign in", **{"E-mail address": "ann@example.com", "Password": "another password, and wrong"})
    await expect(page.get_by_role("alert")).to_contain_text("The e-mail address or the password is wrong.")
    await _fill(page, "Sign in", Password=PASSWORD)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Records")


async def _keep_records(page: Page) -> None:
    await expect(page.get_by_text("There is no record yet.")).to_be_visible()
    await page.get_by_role("link", name="Add a record").click()
    await page.get_by_label("What was measured").fill("Blood pressure")
    await page.get_by_label("Value").fill("118/76")
    await page.get_by_label("Unit").fill("mmHg")
    await page.get_by_label("Latitude").fill("91")
    await page.get_by_label("Further fields").fill("pulse: 61")
    await page.get_by_role("button", name="Add the record").click()
    wrong = page.get_by_label("Latitude")
    assert await wrong.get_attribute("aria-invalid") == "true"
    assert await wrong.get_attribute("aria-describedby") == "latitude-error"
    await expect(page.locator("#latitude-error")).to_contain_text("from -90 to 90")
    await wrong.fill("48.86")
    await page.get_by_label("Longitude").fill("2.35")
    await page.get_by_role("button", name="Add the record").click()
    await expect(page.get_by_role("status")).to_have_text("The record is added.")
    await expect(page.get_by_text("118/76 mmHg")).to_be_visible()
    await page.get_by_role("link", name="Change Blood pressure").click()
    await expect(page.get_by_label("Further fields")).to_have_value("pulse: 61")
    await page.get_by_label("Value").fill("120/80")
    await page.get_by_role("button", name="Save the record").click()
    await expect(page.get_by_text("120/80 mmHg")).to_be_visible()
    await page.get_by_role("link", name="Blood pressure", exact=True).click()
    await expect(page.get_by_text("48.86°, 2.35°")).to_be_visible()
    await page.get_by_role("link", name="Delete").click()
    await page.get_by_role("button", name="Delete the record").click()
    await expect(page.get_by_text("There is no record yet.")).to_be_visible()


async def _sign_out(page: Page, site: str) -> None:
    """And try the cookies that were copied before."""
    cookies = {str(one.get("name")): str(one.get("value")) for one in await page.context.cookies()}
    async with ClientSession(cookies=cookies) as copied:
        async with copied.get(f"{site}/accounts/records/") as answer:
            assert answer.status == 200
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("status")).to_have_text("You are signed out.")
        async with copied.get(f"{site}/accounts/records/") as answer:
            assert answer.status == 401
    await page.goto(f"{site}/accounts/records/")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


@pytest.mark.parametrize("where", ["sqlite", "mongodb"])
async def test_the_whole_story(request: pytest.FixtureRequest, tmp_path: Path, tab: Page, where: str) -> None:
    """Sign up, sign in, add, list, change, delete, sign out; the copied cookie no longer works."""
    documents = str(request.getfixturevalue("mongo_database")) if where == "mongodb" else where
    async with serving(tmp_path / "server", stores={"documents": documents}) as server:
        await _sign_up_and_in(tab, server.url)
        await _keep_records(tab)
        await _sign_out(tab, server.url)


@pytest.fixture
async def ann(server: Served, tab: Page) -> Page:
    """Ann's browser, with her signed in."""
    await _sign_up_and_in(tab, server.url)
    return tab


async def _other_browser(tab: Page, site: str, password: str = PASSWORD) -> BrowserContext:
    browser = tab.context.browser
    assert browser is not None
    other = await browser.new_context(java_script_enabled=False)
    page = await other.new_page()
    await page.goto(f"{site}/accounts/signin/")
    await _fill(page, "Sign in", **{"E-mail address": "ann@example.com", "Password": password})
    await expect(page.get_by_role("heading", level=1)).to_have_text("Records")
    return other


async def _is_signed_in(context: BrowserContext) -> bool:
    (page,) = context.pages
    await page.reload()
    return await page.get_by_role("heading", level=1).text_content() == "Records"


async def test_sessions_are_listed_and_ended(server: Served, ann: Page) -> None:
    """This browser and the other one; the other is ended, by itself or with all."""
    other = await _other_browser(ann, server.url)
    await ann.get_by_role("link", name="Account").click()
    await expect(ann.locator(".rows li")).to_have_count(2)
    await expect(ann.get_by_text("This browser at 127.0.0.1")).to_be_visible()
    await ann.get_by_role("button", name="End the session").click()
    await expect(ann.locator(".rows li")).to_have_count(1)
    assert not await _is_signed_in(other)
    another = await _other_browser(ann, server.url)
    await ann.get_by_role("button", name="Sign out everywhere").click()
    await expect(ann.get_by_role("status")).to_have_text("You are signed out.")
    assert not await _is_signed_in(another)


async def test_another_password_signs_out_all_other_browsers(server: Served, ann: Page) -> None:
    """This one stays; the old password is good for nothing."""
    other = await _other_browser(ann, server.url)
    await ann.goto(f"{server.url}/accounts/password/")
    await _fill(ann, "Change the password", **{"Present password": "not the one that it is", "New password": PASSWORD})
    await expect(ann.get_by_role("alert")).to_contain_text("This is not your password.")
    fields = {"Present password": PASSWORD, "New password": "a long walk along the sea"}
    await _fill(ann, "Change the password", **fields)
    await expect(ann.get_by_role("status")).to_contain_text("Your password is changed")
    assert not await _is_signed_in(other)
    await _other_browser(ann, server.url, "a long walk along the sea")


async def test_an_account_is_deleted_after_a_question(server: Served, ann: Page) -> None:
    """With the password once more; then nobody of that address is known."""
    await ann.goto(f"{server.url}/accounts/sessions/")
    await ann.get_by_role("link", name="Delete the account").click()
    await _fill(ann, "Delete everything", **{"Your password": PASSWORD})
    await expect(ann.get_by_role("status")).to_contain_text("deleted")
    await _fill(ann, "Sign in", **{"E-mail address": "ann@example.com", "Password": PASSWORD})
    await expect(ann.get_by_role("alert")).to_contain_text("wrong")


async def test_the_keyboard_is_enough(server: Served, tab: Page) -> None:
    """The first key leads to the content, the next to the fields in their order, and Return sends them."""
    await tab.goto(f"{server.url}/accounts/signup/")
    await tab.keyboard.press("Tab")
    await expect(tab.get_by_role("link", name="Skip to the content")).to_be_focused()
    await tab.keyboard.press("Enter")
    await tab.keyboard.press("Tab")
    await tab.keyboard.type("ann@example.com")
    await tab.keyboard.press("Tab")
    await tab.keyboard.type(PASSWORD)
    await tab.keyboard.press("Enter")
    await expect(tab.get_by_role("heading", level=1)).to_have_text("Sign in")


PATHS = ["/signup/", "/signin/", "/records/", "/user/add/", "/sessions/", "/password/", "/delete/"]


async def test_pages_fit_a_telephone_and_a_finger(server: Served, ann: Page) -> None:
    """Nothing is wider than the screen, and what is pressed is at least 44 pixels high; text in a sentence is not."""
    for path, width in product(PATHS, (320, 390, 1280)):
        await ann.set_viewport_size({"width": width, "height": 800})
        if width == 320:
            await ann.goto(f"{server.url}/accounts{path}")
        assert await ann.locator("html").get_attribute("lang") == "en"
        box = await ann.locator("main").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        for pressed in await ann.locator(
            "button, .button, nav a, input:not([type=hidden], [hidden]), .actions a"
        ).all():
            found = await pressed.bounding_box()
            assert found is not None
            assert found["height"] >= 44, (path, await pressed.text_content())
            assert found["x"] + found["width"] <= width
