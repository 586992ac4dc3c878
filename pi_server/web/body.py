"""Reading a consumer's body: bounded in size, pause and time, and only in the forms its operation consumes."""

import asyncio
from dataclasses import dataclass
from typing import Any

from aiohttp import StreamReader, web

from pi_server.domain.deadline import Deadline
from pi_server.domain.faults import BodyTooLarge, BodyTooSlow
from pi_server.domain.watch import Limit, Watch
from pi_server.web.decompression import CODINGS, decompressed
from pi_server.web.form_body import FORM, parse_form
from pi_server.web.json_body import parse_json
from pi_server.web.multipart_body import MULTIPART, parse_multipart
from pi_server.web.negotiate import check_consumes, is_json
from pi_server.web.state import FORM_TOKEN

_BODY: web.RequestKey[bytes] = web.RequestKey("body", bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a body may take to arrive, in seconds: ``idle`` between two pieces of it, ``total`` in all."""

    idle: float = 10.0
    total: float = 30.0


class BodyReader:
    """Reads the bodies of one operation."""

    def __init__(
        self, consumes: tuple[str, ...], many: frozenset[str], patience: Patience, *, decompress: bool = False
    ) -> None:
        """``many`` are the fields of a form that may be given several times."""
        self._consumes = consumes
        self._many = many
        self._patience = patience
        self._decompress = decompress

    async def read(self, request: web.Request, limit: Limit) -> Any:
        """The parsed document, or the bytes where nobody here knows how to parse them.

        ``limit`` is that of the call, already running; while the body arrives it may be an earlier one.

        Raises:
            BodyTooLarge: before anything is read, if the length is announced.
            BodyTooSlow: and the connection ends.
            InvalidSyntax: not what its content type says.
            UnsupportedMediaType: another content type, coding or charset than the operation takes.
        """
        headers = request.headers
        coding = headers.get("Content-Encoding", "").lower()
        packed = self._decompress and coding in CODINGS
        kind = check_consumes(headers.get("Content-Type", ""), "" if packed else coding, self._consumes)
        body = await _whole(request, limit, self._patience)
        if packed:
            body = await decompressed(body, coding, request.client_max_size)
        if is_json(kind):
            return parse_json(body)
        if kind == FORM:
            fields = parse_form(body, self._many)
        elif kind == MULTIPART:
            fields = parse_multipart(body, headers["Content-Type"], self._many)
        else:
            return body
        fields.pop(request.get(FORM_TOKEN, ""), None)
        return fields


class EarlyBody:
    """For a link that must see the body before the operation does, which is given it all the same."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._watch = Watch()

    async def read(self, request: web.Request) -> bytes:
        """The body as it came; `BodyTooLarge` and `BodyTooSlow` as `BodyReader.read`."""
        limit = self._watch.until(Deadline(asyncio.get_running_loop().time() + self._patience.total))
        with limit:
            body = await _whole(request, limit, self._patience)
        request[_BODY] = body
        return body


async def _whole(request: web.Request, limit: Limit, patience: Patience) -> bytes:
    content, most = request.content, request.client_max_size
    if content.at_eof():  # a link has read it before, one way or the other
        return request.get(_BODY) or await request.read()
    if content.is_eof():
        if content.total_bytes > most:
            raise BodyTooLarge
        return content.read_nowait()
    if (request.content_length or 0) > most:
        raise BodyTooLarge
    deadline = limit.deadline
    try:
        return await _arriving(content, most, limit, patience)
    except asyncio.CancelledError:
        if not limit.expired:
            raise
        request.protocol.close()  # what still comes is read by nobody
        raise BodyTooSlow(headers={"Connection": "close"}) from None
    finally:
        limit.deadline = deadline


async def _arriving(content: StreamReader, most: int, limit: Limit, patience: Patience) -> bytes:
    """All bytes to come; the limit of the call is drawn in to what they are granted (the watch looks at it anyway)."""
    now = asyncio.get_running_loop().time
    last = limit.deadline.within(patience.total, now())
    body = bytearray()
    while True:
        limit.deadline = last.within(patience.idle, now())
        piece = await content.readany()
        if not piece:
            return bytes(body)
        body += piece
        if len(body) > most:
            raise BodyTooLarge
