"""The common output form, in three versions chosen per service.

semantic    {"data": ..., "correlationId": ...}  and  {"error": {"code", "message", "details"?}, "correlationId": ...}
problem     the same success; failures are RFC 9457 problem details, ``instance`` is the correlation id
compat      always 200 with {"dat": ..., "err": ""}, except for 5xx and what no operation could have answered
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal, Protocol

from pi_server.domain.faults import Fault

EnvelopeName = Literal["semantic", "problem", "compat"]

_RFC_9110 = {413: "Content Too Large", 422: "Unprocessable Content"}  # Python before 3.13 has their older names
_PHRASES = {status.value: status.phrase for status in HTTPStatus} | _RFC_9110
_COMPAT_STATUSES = frozenset({400, 401, 403, 404, 409, 422})


@dataclass(frozen=True, slots=True)
class Rendered:
    """An answer, ready to be sent."""

    status: int
    content_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


class Envelope(Protocol):
    """How answers of a service look; ``frames_nothing`` tells whether an operation without result still has a body."""

    frames_nothing: bool

    def success(self, data: bytes, correlation_id: str) -> bytes:
        """Wrap ``data``, which is JSON already."""
        ...

    def failure(self, fault: Fault, correlation_id: str) -> Rendered:
        """Show ``fault``: its code, message and details, nothing else."""
        ...


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")


def _more(fault: Fault) -> dict[str, Any]:
    """What is told only where there is something to tell."""
    more: dict[str, Any] = {} if fault.retryable is None else {"retryable": fault.retryable}
    if fault.details:
        more["details"] = [{"path": d.path, "reason": d.reason} for d in fault.told]
    return more


class Semantic:
    """The real status, and the same frame around success and failure."""

    frames_nothing = False

    def success(self, data: bytes, correlation_id: str) -> bytes:
        """``{"data": ..., "correlationId": ...}``."""
        return b'{"data":%b,"correlationId":"%b"}' % (data, correlation_id.encode())

    def failure(self, fault: Fault, correlation_id: str) -> Rendered:
        """``{"error": {...}, "correlationId": ...}``."""
        error = {"code": fault.code, "message": fault.message, **_more(fault)}
        return Rendered(fault.status, "application/json", _json({"error": error, "correlationId": correlation_id}))


class Problem(Semantic):
    """Failures as RFC 9457 problem details; success as in `Semantic`."""

    def failure(self, fault: Fault, correlation_id: str) -> Rendered:
        """``{"type", "title", "status", "detail", "instance", "code", "retryable"?, "details"?}``."""
        problem = {
            "type": "about:blank",
            "title": _PHRASES.get(fault.status, fault.code),
            "status": fault.status,
            "detail": fault.message,
            "instance": correlation_id,
            "code": fault.code,
            **_more(fault),
        }
        return Rendered(fault.status, "application/problem+json", _json(problem))


class Compat:
    """The form of Nightingale (n9e): an empty ``err`` is success, and the status says nothing about an operation."""

    frames_nothing = True

    def success(self, data: bytes, correlation_id: str) -> bytes:
        """``{"dat": ..., "err": ""}``."""
        return b'{"dat":%b,"err":""}' % data

    def failure(self, fault: Fault, correlation_id: str) -> Rendered:
        """``{"dat": null, "err": message}`` with 200, or the real status for the server's own refusals."""
        hidden = fault.status in _COMPAT_STATUSES and not fault.by_server
        listed = "; ".join(f"{d.path}: {d.reason}" for d in fault.told)
        text = f"{fault.message} {listed}" if listed else fault.message
        return Rendered(200 if hidden else fault.status, "application/json", _json({"dat": None, "err": text}))


ENVELOPES: dict[EnvelopeName, Envelope] = {"semantic": Semantic(), "problem": Problem(), "compat": Compat()}
