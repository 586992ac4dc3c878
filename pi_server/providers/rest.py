"""The codec of REST providers: JSON in both directions."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import jiter
from pydantic import BaseModel, ValidationError

from pi_server.domain.faults import ProviderFault
from pi_server.domain.message import Headers, HttpVerb, Message, WireRequest, WireResponse
from pi_server.providers.inside import JsonInside
from pi_server.providers.replies import invalid, typed
from pi_server.providers.text import printable

R = TypeVar("R", bound=BaseModel)

_ACCEPT: Headers = (("Accept", "application/json"),)
_WITH_BODY: Headers = (("Content-Type", "application/json"), *_ACCEPT)
_PLACE = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class _Plan:
    """How messages of one class are put into URL and body."""

    verb: HttpVerb
    path: str  # with %s for each of ``places``
    places: tuple[str, ...]  # names as they are dumped
    in_path: frozenset[str]
    in_body: bool
    values: Callable[[Message[Any]], dict[str, Any]]


def _plan(message: type[Message[Any]]) -> _Plan:
    """Read a message's metadata; TypeError when its path names a field it does not have."""
    shape, fields = message.__shape__, message.model_fields
    names = tuple(_PLACE.findall(shape.path))
    for name in names:
        if name not in fields:
            near = get_close_matches(name, list(fields), 1)
            hint = f"; did you mean {{{near[0]}}}?" if near else ""
            raise TypeError(f"{message.__name__}: its path {shape.path!r} names no field {name!r}{hint}")
    path = _PLACE.sub("%s", shape.path.replace("%", "%%"))
    return _Plan(
        shape.verb,
        "/" + path.removeprefix("/") if path else "",
        tuple(fields[name].serialization_alias or name for name in names),
        frozenset(names),
        shape.verb not in ("GET", "HEAD", "DELETE"),
        partial(message.__pydantic_serializer__.to_python, mode="json", by_alias=True, exclude_none=True),
    )


def _segment(value: object) -> str:
    """Exactly one path segment, whatever ``value`` holds; ValueError for those that name no resource."""
    text = str(value)
    if text in ("", ".", ".."):
        raise ValueError(f"{text!r} cannot be a path segment")
    return text if text.isalnum() and text.isascii() else quote(text, safe="")


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _query(values: dict[str, Any]) -> str:
    """Absent values are left out and lists are repeated."""
    pairs = [
        (name, _scalar(item))
        for name, value in values.items()
        for item in (value if isinstance(value, list) else [value])  # pyright: ignore[reportUnknownVariableType] - JSON
        if item is not None
    ]
    return "?" + urlencode(pairs, quote_via=quote) if pairs else ""


class RestCodec:
    """Messages below one base address."""

    def __init__(self, base_url: str) -> None:
        """Take the address that every path is appended to; ValueError when it has a query."""
        if urlsplit(base_url).query:
            raise ValueError(f"endpoint: a REST provider's address has no query: {base_url}")
        self._base = base_url.rstrip("/")
        self._plans: dict[type[Message[Any]], _Plan] = {}

    def check(self, message: type[Message[Any]]) -> None:
        """Find out before the first call whether ``message`` is well declared; ValueError when it is not."""
        try:
            self._plans[message] = _plan(message)
        except TypeError as error:
            raise ValueError(str(error)) from error

    def encode(self, message: Message[R], /) -> WireRequest:
        """The request that asks ``message``; ValueError when a value cannot be part of a path."""
        plan = self._plans.get(type(message)) or self._plans.setdefault(type(message), _plan(type(message)))
        values = plan.values(message)
        url = self._base + plan.path % tuple([_segment(_scalar(values.get(name))) for name in plan.places])
        if plan.in_body:
            body = message.model_dump_json(by_alias=True, exclude=set(plan.in_path)).encode()
            return WireRequest(plan.verb, url, _WITH_BODY, body)
        for name in plan.places:
            values.pop(name, None)
        return WireRequest(plan.verb, url + _query(values) if values else url, _ACCEPT)

    def decode(self, message: Message[R], response: WireResponse, /) -> R:
        """The typed reply; `ProviderFault` (status, malformed) when the provider refused or answered nonsense."""
        if not 200 <= response.status < 300:
            raise ProviderFault("status", f"HTTP {response.status}", status=response.status)
        data: Any = _json(response) if response.body else {}
        try:
            return typed(message, data)
        except ValidationError as error:
            raise invalid(error, response.status) from error

    def inside(self, response: WireResponse, /) -> JsonInside:
        """The body as rules look into it."""
        return JsonInside(response)

    def declared_faults(self, _: type[Message[Any]]) -> tuple[str, ...]:
        """None: nothing declares what a REST provider fails with."""
        return ()


def _is_json(media: str) -> bool:
    return media == "application/json" or (media.startswith("application/") and media.endswith("+json"))


def _json(response: WireResponse) -> Any:
    media = response.header("Content-Type")
    if media != "application/json" and not _is_json(media := media.partition(";")[0].strip().lower()):
        raise ProviderFault("malformed", f"JSON was expected, not {printable(media, 80)!r}", status=response.status)
    try:
        return jiter.from_json(response.body, float_mode="decimal", catch_duplicate_keys=True, allow_inf_nan=False)
    except ValueError as error:
        raise ProviderFault("malformed", printable(f"not JSON: {error}"), status=response.status) from error
