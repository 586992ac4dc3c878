"""Which requests are the same one, sent again."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from aiohttp import web

from pi_server.domain.consumer import Consumer
from pi_server.domain.faults import InvalidKey, InvalidSyntax
from pi_server.web.json_body import parse_json
from pi_server.web.negotiate import is_json, media_type

KEY_HEADER: Final = "Idempotency-Key"
LONGEST_KEY: Final = 255
KEY_SYNTAX: Final = f"[!-~]{{1,{LONGEST_KEY}}}"
_KEY: Final = re.compile(KEY_SYNTAX)
_REFERENCE: Final = 32  # hexadecimal digits: enough to be nobody else's, and short enough for most providers


@dataclass(frozen=True, slots=True)
class Order:
    """What a consumer wants only once: ``name`` is where it is remembered, ``digest`` that of the request."""

    name: str
    reference: str
    digest: str


def shown_key(shown: Sequence[str]) -> str:
    """The key of the headers that were shown; `InvalidKey` if they are not one, of visible ASCII."""
    if len(shown) != 1 or not _KEY.fullmatch(shown[0]):
        raise InvalidKey
    return shown[0]


def order_of(request: web.Request, body: bytes, consumer: Consumer, operation: str, key: str) -> Order:
    """The order of ``consumer`` under ``key``, which it may use anew for each ``operation``."""
    scope = _digest([consumer.kind, consumer.realm, consumer.name, operation, key])
    asked = _digest([request.rel_url.raw_path.rstrip("/"), _query(request), _content(request, body)])
    return Order(f"once:{scope}", scope[:_REFERENCE], asked)


def _query(request: web.Request) -> list[tuple[str, str]]:
    """The query without the order of its names; that of the values of one name counts."""
    return sorted(request.query.items(), key=lambda item: item[0])


def _content(request: web.Request, body: bytes) -> Any:
    """What a body says, where it is JSON: a program that repeats it may order the fields in another way."""
    if is_json(media_type(request.headers.get("Content-Type", ""))):
        try:
            return parse_json(body)
        except InvalidSyntax:  # the operation will say so, or unpack it first
            pass
    return body.hex()


def _digest(told: list[Any]) -> str:
    """Of one spelling of these values; a decimal counts as it is written."""
    return sha256(json.dumps(told, sort_keys=True, default=lambda number: {"": str(number)}).encode()).hexdigest()
