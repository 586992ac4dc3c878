"""Telling operators: a real command, and a real address."""

import asyncio
import json
import logging
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from pi_server.config.alert_section import AlertsSection
from pi_server.domain.alert import Alert
from pi_server.server.alerts import MOST, Alerts

OPEN = Alert("breaker_open", "bank at http://bank.example", "5 failures, the last: timeout")
KEEP = "import os, sys; open(sys.argv[1], 'a').write(sys.stdin.read() + '\\n' + ','.join(sorted(os.environ)) + '\\n')"


def _section(**keys: Any) -> AlertsSection:
    return AlertsSection.model_validate(keys)


@asynccontextmanager
async def _hook(status: int = 204) -> AsyncGenerator[tuple[str, list[Any]]]:
    """An address that notes what is posted to it."""
    told: list[Any] = []

    async def note(request: web.Request) -> web.Response:
        told.append(await request.json())
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    app = web.Application()
    app.router.add_post("/hook", note)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook?key=CANARY0hook", told
    finally:
        await runner.cleanup()


async def test_a_command_gets_the_alert_and_none_of_the_servers_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As JSON on its standard input; the environment is bare."""
    monkeypatch.setenv("PI_KEYRING", "CANARY0keyring")
    alerts = Alerts(_section(command=[sys.executable, "-c", KEEP, str(tmp_path / "told")]))
    alerts.tell(OPEN)
    await alerts.close()
    told, environment = (tmp_path / "told").read_text().splitlines()
    document = json.loads(told)
    assert document.pop("at")
    assert document == {"alert": "breaker_open", "subject": OPEN.subject, "reason": OPEN.reason}
    assert "PI_KEYRING" not in environment
    assert "PATH" in environment


async def test_an_address_gets_the_alert() -> None:
    """Posted as JSON."""
    async with _hook() as (address, told):
        alerts = Alerts(_section(webhook=address))
        alerts.tell(OPEN)
        await alerts.close()
    assert [one["alert"] for one in told] == ["breaker_open"]


@pytest.mark.parametrize(
    ("section", "reason"),
    [
        ({"command": ["/no/such/program"]}, "No such file"),
        ({"command": [sys.executable, "-c", "raise SystemExit(3)"]}, "ended with 3"),
        ({"command": [sys.executable, "-c", "import time; time.sleep(60)"], "timeout": "200ms"}, "TimeoutError"),
        ({"webhook": "http://127.0.0.1:9/hook"}, "Cannot connect"),
    ],
)
async def test_what_cannot_be_told_is_in_the_log(
    caplog: pytest.LogCaptureFixture, section: dict[str, Any], reason: str
) -> None:
    """With the reason and the alert; nothing is raised, and no program is left running."""
    alerts = Alerts(_section(**section))
    alerts.tell(OPEN)
    async with asyncio.timeout(10):
        await alerts.close()
    assert reason in caplog.text
    assert OPEN.reason in caplog.text


@pytest.mark.parametrize("status", [302, 500])
async def test_an_address_that_refuses_is_in_the_log(caplog: pytest.LogCaptureFixture, status: int) -> None:
    """A redirect is not followed; the address, which may hold a key, is not told."""
    async with _hook(status) as (address, told):
        alerts = Alerts(_section(webhook=address))
        alerts.tell(OPEN)
        await alerts.close()
    assert len(told) == 1
    assert f"answered {status}" in caplog.text
    assert "CANARY0hook" not in caplog.text


async def test_a_storm_is_not_told_in_full(caplog: pytest.LogCaptureFixture) -> None:
    """No more than so many are under way at once; the rest is in the log."""
    async with _hook() as (address, told):
        alerts = Alerts(_section(webhook=address))
        with caplog.at_level(logging.ERROR):
            for _ in range(MOST + 5):
                alerts.tell(OPEN)
        await alerts.close()
    assert len(told) == MOST
    assert caplog.text.count("too many alerts") == 5


async def test_nobody_is_told_of_nothing() -> None:
    """Without a command and an address, an alert costs nothing."""
    alerts = Alerts(_section())
    alerts.tell(OPEN)
    assert len(asyncio.all_tasks()) == 1
    await alerts.close()
