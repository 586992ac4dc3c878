"""A provider that keeps failing, seen from both sides of the server."""

import asyncio
import socket
from typing import Any

from pydantic import BaseModel

from pi_server import Call, RestMessage, RestProvider, Service, post
from pi_server.testing import Serve


class Receipt(BaseModel):
    """What the bank answers."""

    trace: str


class Withdraw(RestMessage[Receipt], path="/withdraw", verb="POST"):
    """What the bank is asked."""


class Till(Service):
    """Withdraws."""

    root = "/till"
    bank: RestProvider

    @post("/", public=True)
    async def withdraw(self, call: Call) -> Receipt:
        """Take money."""
        return await self.bank.send(call, Withdraw())


async def _good(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{"trace": "T"}')
    writer.close()


async def test_a_provider_that_keeps_failing_is_left_alone_until_it_is_well(serve: Serve) -> None:
    """After five failures the consumer hears 503 at once, with no record; one call finds out, and all are answered."""
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        port = unheard.getsockname()[1]
        bank: dict[str, Any] = {
            "endpoint": f"http://127.0.0.1:{port}",
            "retry": {"times": 0},
            "breaker": {"probe": "2500ms"},
        }
        async with serve(Till, config={"services": {"till": {"bank": bank}}}) as server:

            async def ask() -> tuple[int, str, str | None]:
                async with server.session.post("/till") as answer:
                    body = await answer.json()
                    return answer.status, body.get("error", {}).get("code", ""), answer.headers.get("Retry-After")

            assert [await ask() for _ in range(5)] == [(502, "provider_unreachable", None)] * 5
            suspended = [await ask() for _ in range(5)]
            assert {answer[:2] for answer in suspended} == {(503, "provider_suspended")}
            assert {after for _, _, after in suspended} <= {"1", "2", "3"}
            assert len(server.api_log) == 10
            unheard.close()
            listening = await asyncio.start_server(_good, "127.0.0.1", port)
            await asyncio.sleep(2.6)
            assert [(await ask())[0] for _ in range(3)] == [200] * 3
            listening.close()
            await listening.wait_closed()
            told = (server.logs / "error.log").read_text()
    assert told.count("the breaker is open: 5 failures, the last: unreachable") == 1
    assert told.count("breaker_open: the breaker is open") == 5
    assert told.count("the breaker is closed: the probe succeeded") == 1
