"""Exchanges kept as files, and answered from there: masked, so that they can be read, edited and handed on."""

import asyncio
import json
import logging
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

from pi_server.domain.exchange import Exchange, Send
from pi_server.domain.faults import ProviderFault
from pi_server.domain.message import Headers, WireRequest, WireResponse
from pi_server.domain.ports import Masking
from pi_server.providers.text import printable
from pi_server.providers.transport import target

MOST = 1000
"""Recordings kept of one provider."""

_DROPPED = frozenset({"content-length", "transfer-encoding", "content-encoding", "connection", "date", "set-cookie"})

_log = logging.getLogger("pi_server.sandbox")


class Recordings:
    """The recordings of one provider: one file for each request that differs in more than its secrets and headers."""

    def __init__(self, folder: Path, mask: Masking) -> None:
        """Keep them in ``folder``, which is made when it is needed, without what ``mask`` knows as secret."""
        self._folder = folder
        self._mask = mask

    def recording(self, send: Send) -> Send:
        """Ask, and keep what came; that it cannot be kept is no failure of the call."""

        async def recorded(exchange: Exchange) -> WireResponse:
            response = await send(exchange)
            try:
                await asyncio.to_thread(self._keep, exchange.request, response)
            except (OSError, ValueError) as error:
                _log.error("an exchange with %s cannot be recorded: %s", exchange.endpoint.name, error)
            return response

        return recorded

    async def replay(self, exchange: Exchange) -> WireResponse:
        """What was answered when the same was asked; `ProviderFault` (unprepared) when it never was."""
        file = self._file(exchange.request)
        try:
            return await asyncio.to_thread(_read, file)
        except FileNotFoundError:
            asked = f"{exchange.request.verb} {printable(self._mask.query(target(exchange.request.url)))}"
            raise ProviderFault("unprepared", f"nothing is recorded for {asked}: there is no {file}") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ProviderFault("unprepared", f"{file} cannot be read: {type(error).__name__}") from error

    def _file(self, request: WireRequest) -> Path:
        """Named after all that is asked, but for secrets: who has the file cannot find them by trying."""
        body = self._mask.payload(*_text(request.body, request.headers)[:2])
        told = json.dumps([request.verb, self._mask.query(target(request.url)), body])
        return self._folder / f"{sha256(told.encode()).hexdigest()[:32]}.json"

    def _keep(self, request: WireRequest, response: WireResponse) -> None:
        """Write one file, whole or not at all."""
        file = self._file(request)
        self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        if not file.exists() and sum(1 for _ in self._folder.iterdir()) >= MOST:
            raise ValueError(f"there are {MOST} recordings in {self._folder} already")
        asked = {"verb": request.verb, "target": self._mask.query(target(request.url)), "body": self._shown(request)}
        told = {
            "status": response.status,
            "headers": [[n, self._mask.header(n, v)] for n, v in response.headers if n.lower() not in _DROPPED],
            "charset": _text(response.body, response.headers)[2],
            "body": self._shown(response),
        }
        text = json.dumps({"request": asked, "response": told}, ensure_ascii=False, indent=2)
        part = file.with_suffix(f".{os.getpid()}.part")
        part.write_text(text + "\n", "utf-8")
        part.chmod(0o640)
        part.replace(file)

    def _shown(self, message: WireRequest | WireResponse) -> str:
        return self._mask.payload(*_text(message.body, message.headers)[:2])


def _text(body: bytes, headers: Headers) -> tuple[str, str, str]:
    """A body as text that can be masked, its content type, and the charset that makes the same bytes of it again."""
    kind = next((value for name, value in headers if name.lower() == "content-type"), "")
    if b"\0" in body:
        raise ValueError("its body is no text in which secrets could be found")
    try:
        return body.decode(), kind, "utf-8"
    except UnicodeDecodeError:
        return body.decode("latin-1"), kind, "latin-1"


def _read(file: Path) -> WireResponse:
    told: dict[str, Any] = json.loads(file.read_text("utf-8"))["response"]
    charset = "latin-1" if told["charset"] == "latin-1" else "utf-8"
    headers = tuple([(str(name), str(value)) for name, value in told["headers"]])
    return WireResponse(int(told["status"]), headers, str(told["body"]).encode(charset))
