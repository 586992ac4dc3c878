"""TLS with consumers, each counted and timed from the moment he connects, and not once he has proved anything."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Coroutine
from typing import cast

from aiohttp import web

from pi_server.server.connections.connection import Connection, Listener

_PAUSE = 1.0
"""Seconds in which nobody is accepted after somebody could not be, as where files run out."""

_log = logging.getLogger("pi_server.connections")


class EncryptedSite(web.BaseSite):
    """Accepts connections of consumers who speak TLS."""

    __slots__ = ("_listener", "_running", "_sock", "_tls")

    def __init__(self, runner: web.ServerRunner, sock: socket.socket, tls: ssl.SSLContext) -> None:
        """Listen on ``sock``, which is closed at the end, and show the certificate of ``tls``."""
        super().__init__(runner)
        sock.setblocking(False)
        self._listener = cast("Listener", runner.server)
        self._sock = sock
        self._tls = tls
        self._running: set[asyncio.Task[None]] = set()

    @property
    def name(self) -> str:
        """Where it listens."""
        return f"https://{self._sock.getsockname()}"

    async def start(self) -> None:
        """Begin to accept."""
        await super().start()
        self._run(self._accept()).add_done_callback(lambda _: self._sock.close())

    async def stop(self) -> None:
        """Accept no more; nobody was promised anything whose handshake is not done."""
        await super().stop()
        for task in self._running:
            task.cancel()

    def _run(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                made, address = await loop.sock_accept(self._sock)
            except ConnectionAbortedError:  # whoever it was, is gone
                continue
            except OSError as error:
                _log.error("no connection can be accepted: %s", error)
                await asyncio.sleep(_PAUSE)
                continue
            connection = cast("Connection", self._listener())
            if connection.admitted(address, made.fileno()):
                self._run(self._agree(connection, made))
            else:
                made.close()

    async def _agree(self, connection: Connection, made: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(connection.limits.head):
                await loop.connect_accepted_socket(lambda: connection, made, ssl=self._tls)
        except BaseException as error:
            connection.left(late=isinstance(error, TimeoutError))
            if not isinstance(error, OSError):  # of what consumers do there is nothing to tell
                raise
