"""A real browser."""

import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from playwright.async_api import Page, async_playwright, expect

expect.set_options(timeout=60_000)


@dataclass(slots=True)
class Tab:
    """A browser's page, what it asked for, and what it complained about."""

    page: Page
    asked: list[str] = field(default_factory=list[str])
    complaints: list[str] = field(default_factory=list[str])

    def asked_elsewhere(self, origin: str) -> list[str]:
        """Addresses outside ``origin``; what is part of the page itself does not count."""
        return [url for url in self.asked if not url.startswith((f"{origin}/", "data:"))]


@pytest.fixture
async def tab() -> AsyncIterator[Tab]:
    """A tab of Chromium, the one $TEST_CHROMIUM names or else the one on PATH."""
    chromium = shutil.which(os.environ.get("TEST_CHROMIUM") or "chromium")
    if not chromium:
        pytest.fail("Browser tests need Chromium: install it, name it in TEST_CHROMIUM, or choose BROWSER=0.")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        opened = Tab(await browser.new_page(viewport={"width": 1280, "height": 1400}))
        opened.page.on("request", lambda request: opened.asked.append(request.url))
        opened.page.on("pageerror", lambda error: opened.complaints.append(str(error)))
        opened.page.on("console", lambda line: opened.complaints.append(line.text) if line.type != "log" else None)
        yield opened
        await browser.close()
