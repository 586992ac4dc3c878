"""A provider that always answers the same: ``python -m benchmarks.stub --port N --reply rest|soap [--delay SECONDS]``.

It reads just enough HTTP to know where a request ends, so that it is never what limits a measurement.
"""

import argparse
import asyncio
import re
from typing import cast

import uvloop

RATES = b'{"base": "EUR", "rates": {"USD": 1.25, "GBP": 0.8, "JPY": 160.5}}'
RECEIPT = (
    b'<?xml version="1.0" encoding="UTF-8"?>'
    b'<soap:Envelope xmlns:soap="http://www.w3.org/2003/05/soap-envelope"><soap:Body>'
    b'<accountWithdrawalResponse xmlns="urn:example:bank"><TraceNo>T1</TraceNo><Balance>90.00</Balance>'
    b"</accountWithdrawalResponse></soap:Body></soap:Envelope>"
)

_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)


def http(body: bytes, content_type: bytes) -> bytes:
    """A whole answer that keeps the connection open."""
    return b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (content_type, len(body), body)


REPLIES = {
    "rest": http(RATES, b"application/json"),
    "soap": http(RECEIPT, b"application/soap+xml; charset=utf-8"),
}


def requests_in(data: bytes) -> tuple[int, bytes]:
    """How many whole requests ``data`` begins with, and what is left of the next one."""
    count = 0
    while (end := data.find(b"\r\n\r\n")) >= 0:
        length = _LENGTH.search(data, 0, end)
        size = end + 4 + (int(length[1]) if length else 0)
        if size > len(data):
            break
        count, data = count + 1, data[size:]
    return count, data


class Stub(asyncio.Protocol):
    """One connection."""

    def __init__(self, reply: bytes, delay: float) -> None:
        self._reply = reply
        self._delay = delay
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own is one in all but name

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        count, self._rest = requests_in(self._rest + data)
        if not count or self._transport is None:
            return
        if self._delay:
            asyncio.get_running_loop().call_later(self._delay, self._transport.write, self._reply * count)
        else:
            self._transport.write(self._reply * count)


async def serve(port: int, reply: bytes, delay: float) -> None:
    """Serve until stopped."""
    server = await asyncio.get_running_loop().create_server(lambda: Stub(reply, delay), "127.0.0.1", port, backlog=512)
    await server.serve_forever()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--reply", choices=REPLIES, required=True)
    arguments.add_argument("--delay", type=float, default=0.0)
    chosen = arguments.parse_args()
    uvloop.run(serve(chosen.port, REPLIES[chosen.reply], chosen.delay))
