"""Every failure a consumer may read, drawn as a tree.

Fault                       code, status, message: the only error text that ever leaves
├── MalformedRequest        400  the bytes are no HTTP
├── InvalidSyntax           400  the message is not what it claims to be
├── TwoCredentials          400  which of them counts?
├── InvalidCursor           400  a page begins nowhere there
├── InvalidTimeout          400  how long the consumer waits is no number
├── KeyMissing              400  an operation that must be guarded, and no idempotency key
├── InvalidKey              400  no idempotency key could look like this
├── InvalidPlay             400  nothing a sandbox could do
├── Unauthenticated         401  nobody we know
├── Forbidden               403  known, but without the scope
├── CrossSite               403  another site's page asks in the consumer's name
├── NoSuchPath              404  no operation has this path
├── NotFound                404  no such document
├── MethodNotAllowed        405  the path exists, the verb does not
├── NotAcceptable           406  the operation cannot produce what is accepted
├── BodyTooSlow             408  the body did not arrive in time
├── DuplicateKey            409  another document has this value
├── Stale                   409  somebody else was quicker
├── StillRunning            409  the first call with this idempotency key has not ended
├── OutcomeUnknown          409  nobody knows whether the first call with this key did its work
├── BodyTooLarge            413  more bytes than the server takes
├── UnsupportedMediaType    415  the operation does not consume this
├── InvalidInput            422  fields unknown, missing or of the wrong type: all at once
├── Unstorable              422  a document no store can keep
├── KeyReused               422  the idempotency key came with another request before
├── TooManyRequests         429  more than the consumer's share
├── HeadersTooLarge         431  more bytes of headers than the server takes
├── InternalFault           500  our mistake, or a plugin's
├── Unavailable             503  a plugin that could not be started
├── ServiceDisabled         503  switched off by hand
├── ServiceQuarantined      503  it held up all others
├── Busy                    503  as many calls in flight as the server takes
├── StoreUnavailable        503  the store does not answer
├── Unrecorded              503  an access that cannot be put on record
└── CallTimeout             504  the call's deadline passed

ProviderFault               what a provider did; it never leaves, `StatusMap` turns it into a Fault
└── Refused                 what a policy did not let out to a provider
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

from pydantic import BaseModel

from pi_server.domain.selectors import Path

_SHOWN = 1000  # characters of the details in a line for logs
_TOLD, _LONGEST_PATH, _LONGEST_REASON = 100, 200, 500  # details told to a consumer, and characters of each


@dataclass(frozen=True, slots=True)
class Detail:
    """One thing that is wrong with an input: where (``order.amount``) and why."""

    path: str
    reason: str


class Fault(Exception):  # noqa: N818 - the word for a failure on both sides of this server is fault, not error
    """A declared failure: the one thing an operation raises to answer with anything but success.

    ``code`` is for programs, ``message`` for people; both reach the consumer exactly as given, so neither may hold a
    secret.  ``reason`` is for the log only.  ``declared`` is the typed detail of the provider's declared SOAP Fault
    that led here, for the operation to look at; it is never sent.  ``retryable`` is told where it is known.
    """

    code: str = "fault"
    status: int = 400
    message: str = "The call failed."
    by_server: ClassVar[bool] = False  # answered before any operation was reached: keeps its status in every envelope
    retryable: bool | None = None  # whether asking again may help, where that is known

    def __init__(
        self,
        code: str | None = None,
        status: int | None = None,
        message: str | None = None,
        *,
        details: tuple[Detail, ...] = (),
        headers: Mapping[str, str] | None = None,
        declared: BaseModel | None = None,
        reason: str = "",
    ) -> None:
        """Take what differs from the class's own code, status and message."""
        self.code = code or self.code
        self.status = status or self.status
        self.message = message or self.message
        self.details = details
        self.headers = dict(headers or {})
        self.declared = declared
        self.reason = reason
        super().__init__(self.code, self.status, self.message)

    @property
    def told(self) -> tuple[Detail, ...]:
        """The details as a consumer is told them: a small request must not make a large answer."""
        told = tuple(Detail(_cut(d.path, _LONGEST_PATH), _cut(d.reason, _LONGEST_REASON)) for d in self.details[:_TOLD])
        more = len(self.details) - len(told)
        return (*told, Detail("...", f"{more} more")) if more else told

    def __str__(self) -> str:
        """Form a line for logs; of details, which a consumer can make as long as a body, only the beginning."""
        listed = "; ".join(f"{detail.path}: {detail.reason}" for detail in self.details)
        if len(listed) > _SHOWN:
            listed = f"{listed[:_SHOWN]}... {len(self.details)} in all"
        why = "; ".join(filter(None, (self.reason, listed)))
        return f"{self.status} {self.code}: {self.message}" + (f" ({why})" if why else "")


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


class MalformedRequest(Fault):
    """The bytes are not an HTTP request."""

    code, status, message = "malformed_request", 400, "The request is not valid HTTP."
    by_server = True


class InvalidSyntax(Fault):
    """The body is not readable as its content type."""

    code, status, message = "invalid_syntax", 400, "The request body is not valid JSON."


class TwoCredentials(Fault):
    """More than one credential was shown, and they need not be of the same consumer."""

    code, status, message = "two_credentials", 400, "Show one credential, not several."
    by_server = True


class InvalidCursor(Fault):
    """What should say where a page begins is nothing this server gave out for that order."""

    code, status, message = "invalid_cursor", 400, "The page begins at no place this server knows."


class InvalidTimeout(Fault):
    """What should say how long the consumer waits is no whole number of milliseconds."""

    code, status, message = "invalid_timeout", 400, "The header x-timeout-ms must be a whole number of milliseconds."


class KeyMissing(Fault):
    """The operation takes no call that could not be repeated safely."""

    code, status, message = "idempotency_key_missing", 400, "This operation needs the header Idempotency-Key."
    by_server = True


class InvalidKey(Fault):
    """What stands in the header is no key."""

    code, status, message = "invalid_idempotency_key", 400, "An Idempotency-Key is one of 1 to 255 visible characters."
    by_server = True


class InvalidPlay(Fault):
    """The header that says how a sandbox is to behave says something else; `Fault.details` tells what it may say."""

    code, status, message = "invalid_play", 400, "The sandbox cannot do that."
    by_server = True


class Unauthenticated(Fault):
    """No credential, or none that is known; ``reason`` tells the operator which of both, and why."""

    code, status, message = "unauthenticated", 401, "This operation needs a valid credential."


class Forbidden(Fault):
    """The consumer lacks the operation's scope."""

    code, status, message = "forbidden", 403, "The consumer may not use this operation."


class CrossSite(Fault):
    """A page of another site, or one without the right token, asks in the name of a signed-in consumer."""

    code, status, message = "cross_site", 403, "The request does not come from a page of this site."


class NoSuchPath(Fault):
    """No operation answers at this path."""

    code, status, message = "no_such_path", 404, "There is no operation at this path."
    by_server = True


class NotFound(Fault):
    """No document has this id, or none this consumer may know of."""

    code, status, message = "not_found", 404, "There is no such record."


class MethodNotAllowed(Fault):
    """The path has operations, none with this verb."""

    code, status, message = "method_not_allowed", 405, "The operation at this path has other verbs."
    by_server = True


class NotAcceptable(Fault):
    """Nothing the operation produces is accepted."""

    code, status, message = "not_acceptable", 406, "The operation cannot produce what the Accept header asks for."
    by_server = True


class BodyTooSlow(Fault):
    """The body stalled until the deadline."""

    code, status, message = "body_too_slow", 408, "The request body did not arrive in time."
    by_server = True


class DuplicateKey(Fault):
    """Another document has the same id or unique value; ``fields`` are for the operation, not for the consumer."""

    code, status, message = "duplicate", 409, "There is one already."

    def __init__(self, *fields: str) -> None:
        """Name the fields whose values are taken: ``id``, or those of a unique index."""
        super().__init__(reason=f"taken: {', '.join(fields)}")
        self.fields = fields


class Stale(Fault):
    """The document was changed since it was read."""

    code, status, message = "stale", 409, "The record was changed by somebody else; read it again."


class StillRunning(Fault):
    """The first call with this idempotency key may still answer; ask again, with the same key."""

    code, status, message = "still_running", 409, "The first call with this Idempotency-Key is still running."
    by_server = True

    def __init__(self) -> None:
        """A second is the least that HTTP can say."""
        super().__init__(headers={"Retry-After": "1"})


class OutcomeUnknown(Fault):
    """The first call with this idempotency key ended without an answer, and may have done its work."""

    code, status, message = (
        "outcome_unknown",
        409,
        "Nobody knows whether the first call with this key succeeded.",
    )
    by_server = True


class BodyTooLarge(Fault):
    """The body is larger than the server's limit."""

    code, status, message = "body_too_large", 413, "The request body is too large."
    by_server = True


class UnsupportedMediaType(Fault):
    """The operation does not consume this content type or encoding."""

    code, status, message = "unsupported_media_type", 415, "The operation does not take this content type."
    by_server = True


class InvalidInput(Fault):
    """Fields are unknown, missing, doubled or of the wrong type; `Fault.details` lists all of them."""

    code, status, message = "invalid_input", 422, "The input does not fit the operation."


class Unstorable(Fault):
    """A document holds a name or value that no store could keep."""

    code, status, message = "unstorable", 422, "The input holds what cannot be stored."


class KeyReused(Fault):
    """The idempotency key belongs to another request of the same consumer."""

    code, status, message = "idempotency_key_reused", 422, "This Idempotency-Key came with another request before."
    by_server = True


class TooManyRequests(Fault):
    """The consumer, its address or the operation had as many calls as are allowed in a time."""

    code, status, message = "too_many_requests", 429, "Too many requests; try again later."
    by_server = True


class HeadersTooLarge(Fault):
    """The headers are larger than any honest ones."""

    code, status, message = "headers_too_large", 431, "The headers of the request are too large."
    by_server = True


class InternalFault(Fault):
    """An undeclared exception; its text stays in the log."""

    code, status, message = "internal", 500, "The server failed to answer; the operator can find the reason."
    by_server = True


class Unavailable(Fault):
    """The service is configured here but could not be started."""

    code, status, message = "unavailable", 503, "This service is not available."
    by_server = True


class ServiceDisabled(Fault):
    """The service was switched off by hand."""

    code, status, message = "service_disabled", 503, "This service is switched off."
    by_server = True


class ServiceQuarantined(Fault):
    """The service held up all others too often, or an operator took it out."""

    code, status, message = "service_quarantined", 503, "This service is out of order; its operator knows."
    by_server = True


class Busy(Fault):
    """The server serves as many calls as it takes at once."""

    code, status, message = "busy", 503, "The server is busy; try again in a moment."
    by_server = True


class StoreUnavailable(Fault):
    """A store does not answer in time; what was asked of it may or may not have happened."""

    code, status, message = "store_unavailable", 503, "The server cannot reach its store; try again in a moment."
    by_server = True

    def __init__(self, reason: str = "") -> None:
        """Tell the operator which store, and what its driver said."""
        super().__init__(headers={"Retry-After": "1"}, reason=reason)


class Unrecorded(Fault):
    """What must be on record cannot be written down, so it does not happen."""

    code, status, message = "unrecorded", 503, "The server cannot record this access; try again in a moment."
    by_server = True


class CallTimeout(Fault):
    """The time set for the whole call is over."""

    code, status, message = "timeout", 504, "The call took longer than this service allows."
    by_server = True


ProviderFailure = Literal[
    "unreachable",
    "timeout",
    "cancelled",
    "malformed",
    "too_large",
    "status",
    "fault",
    "breaker_open",
    "queue_full",
    "paced",
    "business",
    "no_access",
    "unprepared",
    "unrecorded",
]


class Inside(Protocol):
    """The body of an answer, as rules look into it."""

    @property
    def text(self) -> str:
        """The beginning of what it says."""
        ...

    def at(self, path: Path, /) -> Iterable[str]:
        """The values at a place, as text; that of something with members is empty."""
        ...


class ProviderFault(Exception):  # noqa: N818 - see Fault
    """A provider that did not answer as hoped.

    ``kind`` says how, ``status`` is its HTTP status if there was one, ``names`` are the words by which a rule may know
    it (SOAP Fault code, subcodes, declared detail), ``declared`` the typed detail, and ``reason`` is for the log only.
    ``sent`` is False only where it is certain that no byte of the request left.  ``retry_after`` are the seconds after
    which it is worth asking again, where that is known.
    ``inside`` is the answer's body, where there is one.
    """

    inside: Inside | None = None

    def __init__(
        self,
        kind: ProviderFailure,
        reason: str,
        *,
        status: int | None = None,
        names: tuple[str, ...] = (),
        declared: BaseModel | None = None,
        sent: bool = True,
        retry_after: float | None = None,
    ) -> None:
        """Describe the failure; nothing of it is shown to a consumer."""
        super().__init__(kind, reason)
        self.kind: ProviderFailure = kind
        self.reason = reason
        self.status = status
        self.names = names
        self.declared = declared
        self.sent = sent
        self.retry_after = retry_after

    def __str__(self) -> str:
        """Form a line for logs."""
        named = f" {'/'.join(self.names)}" if self.names else ""
        return f"{self.kind}{named}: {self.reason}"


class Refused(ProviderFault):
    """A policy did not let the exchange begin: nothing was sent, and there is nothing to record."""

    def __init__(self, kind: ProviderFailure, reason: str, *, retry_after: float | None = None) -> None:
        """Tell the operator which policy, why, and where the time went."""
        super().__init__(kind, reason, sent=False, retry_after=retry_after)


def details_of(errors: list[Any]) -> tuple[Detail, ...]:
    """Turn pydantic's error list into details, without the rejected values: they may be secrets."""
    return tuple(Detail(".".join(str(part) for part in error["loc"]), error["msg"]) for error in errors)
