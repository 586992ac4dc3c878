"""Telling operators what they should hear of at once: a command is run, an address is posted to."""

import asyncio
import json
import logging
import os
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import aiohttp

from pi_server.config.alert_section import AlertsSection
from pi_server.domain.alert import Alert

MOST = 20
"""Alerts that may be under way at once: what comes beyond that is only in the log."""

_KEPT = ("PATH", "HOME", "LANG", "TZ")  # a command has no business with the server's secrets

_log = logging.getLogger("pi_server.alerts")


class Alerts:
    """Tells of alerts without holding anybody up; what cannot be told is in the log, where it stands anyway."""

    def __init__(self, section: AlertsSection) -> None:
        """Tell whom ``section`` names; nobody, if it names none."""
        self._section = section
        self._ways: list[Callable[[bytes], Coroutine[Any, Any, None]]] = []
        if section.command:
            self._ways.append(self._run)
        if section.webhook:
            self._ways.append(self._post)
        self._running: set[asyncio.Task[None]] = set()

    def tell(self, alert: Alert) -> None:
        """Have everybody told; returns at once and never raises."""
        told = _document(alert)
        for way in self._ways:
            if len(self._running) >= MOST:
                _log.error("too many alerts are under way; not told: %s", told.decode())
                return
            task = asyncio.create_task(self._told(way, told))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def close(self) -> None:
        """Wait for what is under way; no way takes longer than its time."""
        if self._running:
            await asyncio.wait(self._running)

    async def _told(self, way: Callable[[bytes], Coroutine[Any, Any, None]], told: bytes) -> None:
        try:
            async with asyncio.timeout(self._section.timeout):
                await way(told)
        except (OSError, ValueError, TimeoutError, aiohttp.ClientError) as error:
            _log.error("an alert could not be told (%s): %s", str(error) or type(error).__name__, told.decode())

    async def _run(self, told: bytes) -> None:
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            *self._section.command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment,
        )
        try:
            await process.communicate(told)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise ValueError(f"the command ended with {process.returncode}")

    async def _post(self, told: bytes) -> None:
        if self._section.webhook is None:
            return
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), trust_env=False) as session,
            session.post(
                self._section.webhook.get_secret_value(),
                data=told,
                headers={"Content-Type": "application/json"},
                allow_redirects=False,
            ) as response,
        ):
            if not 200 <= response.status < 300:
                raise ValueError(f"the webhook answered {response.status}")


def _document(alert: Alert) -> bytes:
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return json.dumps({"at": at, "alert": alert.kind, "subject": alert.subject, "reason": alert.reason}).encode()
