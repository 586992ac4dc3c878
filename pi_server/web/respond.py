"""From an operation's result, or a fault, to a response."""

import re
from dataclasses import is_dataclass
from functools import lru_cache
from inspect import isclass
from types import NoneType, UnionType
from typing import Any, NoReturn, TypeGuard, Union, get_args, get_origin

from aiohttp import hdrs, web
from pydantic import BaseModel

from pi_server.domain.envelope import Envelope
from pi_server.domain.faults import Fault
from pi_server.domain.operation import Operation, Reply
from pi_server.domain.pages import Page, Redirect, Text
from pi_server.web.strict_dump import strict_dump

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_GIVEN = web.ResponseKey("given", bool)
_FRAMING = frozenset({"content-length", "transfer-encoding"})  # the server's own to say
_UNSENDABLE = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")


def output_type(returned: Any) -> Any:
    """The model behind a return annotation: ``Reply[Receipt]`` stands for ``Receipt``, ``Reply`` for anything."""
    if returned is Reply:
        return Any
    return get_args(returned)[0] if get_origin(returned) is Reply else returned


def _model_of(output: Any) -> type:
    """The class a result must be of, where pydantic would dump anything that has a ``__dict__``; else `object`."""
    arms = get_args(output) if get_origin(output) in (Union, UnionType) else (output,)
    kinds = [kind for kind in arms if kind is not NoneType]
    if len(kinds) != 1 or not isclass(kinds[0]):
        return object
    kind = kinds[0]
    if issubclass(kind, BaseModel):
        return kind.__pydantic_generic_metadata__["origin"] or kind  # ``Page(...)`` serves as ``Page[Order]``
    return kind if is_dataclass(kind) else object


class Responder:
    """Turns results of one operation into responses in its service's envelope."""

    def __init__(self, operation: Operation, returned: Any, envelope: Envelope) -> None:
        """Compile the serializer of the return annotation.

        Raises:
            ValueError: it is a page's.
        """
        self._envelope = envelope
        self._status = operation.status
        output = output_type(returned)
        if any(kind in (output, *get_args(output)) for kind in (Page, Redirect, Text)):
            raise ValueError(f"{operation.name}: what it returns is for people, so it needs page=True")
        self._dump = strict_dump(output)
        self._model = _model_of(output)

    def respond(self, result: Any, correlation_id: str, content_type: str) -> web.Response:
        """The response for what the operation returned.

        Raises:
            TypeError: that is of another class than the operation says.
            UserWarning, PydanticSerializationError: or in another way not what it says.
        """
        status, headers = self._status, None
        if _is_reply(result):
            status, headers, result = result.status, result.headers, result.value
        if result is None and status in (200, 204):
            if not self._envelope.frames_nothing:
                return web.Response(status=204, headers=headers)
            status = 200
        if _is_reply(result) or not (result is None or isinstance(result, self._model)):
            raise TypeError(f"the operation returned {type(result).__name__}")
        data = self._dump(result)
        body = self._envelope.success(data, correlation_id)
        return web.Response(body=body, status=status, headers={hdrs.CONTENT_TYPE: content_type, **(headers or {})})


def _is_reply(result: Any) -> TypeGuard[Reply[Any]]:
    return isinstance(result, Reply)


def fault_response(fault: Fault, envelope: Envelope, correlation_id: str) -> web.Response:
    """The response that tells a consumer of ``fault``.

    Raises:
        ValueError: its status tells of no failure; a redirect is one only with its Location.
    """
    if fault.status < (300 if "Location" in fault.headers else 400):
        raise ValueError(f"a fault cannot have the status {fault.status}")
    rendered = envelope.failure(fault, correlation_id)
    headers = {**rendered.headers, **fault.headers, "Content-Type": f"{rendered.content_type}"}
    return web.Response(status=rendered.status, body=rendered.body, headers=headers)


def sendable(response: object, request: web.Request) -> web.StreamResponse:
    """What was answered, if it can be put on the wire: found out here, it is still a fault; later it is a torn line.

    Raises:
        TypeError: it is no response at all.
        ValueError: its status, one of its headers or one of its cookies is none of HTTP.
        RuntimeError: it was given to another request before, or another answer to this one has begun already.
    """
    if not isinstance(response, web.StreamResponse):
        raise TypeError(f"the answer is {type(response).__name__}, no response")
    begun, prepared = has_begun(request), response.prepared
    if (prepared != begun and response.task is not request.task) or (len(response) and _GIVEN in response):
        raise RuntimeError("each request needs one response, made for it alone")
    if not prepared:
        _check_head(response)
    response[_GIVEN] = True
    return response


def _check_head(response: web.StreamResponse) -> None:
    if not 200 <= response.status <= 599:
        raise ValueError(f"the answer has the status {response.status}")
    for name, value in response.headers.items():
        if not _is_sendable(name, value):
            raise ValueError(f"the answer has a header that cannot be sent: {name!r}")
    for name, cookie in response.cookies.items():
        if _UNSENDABLE.search(cookie.OutputString()):
            raise ValueError(f"the answer has a cookie that cannot be sent: {name!r}")


def has_begun(request: web.Request) -> bool:
    """Whether any byte of an answer is on its way, so that no other can be given."""
    return request.writer.output_size > 0


class CutOff(web.StreamResponse):
    """In the place of an answer that had begun when something failed: the connection ends, as HTTP wants it."""

    async def prepare(self, request: web.BaseRequest) -> NoReturn:
        """End it; aiohttp takes this for a consumer that went away."""
        raise ConnectionAbortedError("an answer that had begun could not be finished")


@lru_cache(maxsize=256)
def _is_sendable(name: str, value: str) -> bool:
    """Whether a header can be put on the wire; most answers of a server have the same few."""
    return name.lower() not in _FRAMING and bool(_HEADER_NAME.fullmatch(name)) and not _UNSENDABLE.search(value)
