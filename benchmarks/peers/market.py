"""What both peers of the REST call share: models, the API-log lines, faults.  Nothing of pi-server is used."""

import hashlib
import hmac
import json
import logging
import re
import uuid
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

CALL_TIMEOUT = 15.0
PROVIDER_TIMEOUT = 5.0
CORRELATION_HEADERS = ("activityid", "X-Correlation-ID", "X-Request-ID")

access = logging.getLogger("market.access")
api = logging.getLogger("market.api")
errors = logging.getLogger("market.errors")

_SAFE = re.compile(r"[A-Za-z0-9-]{1,64}")
_SECRET_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "cookie", "set-cookie", "x-srv-token", "x-api-key"}
)
_SECRET_FIELDS = re.compile(
    r'("(?:password|passwd|pwd|secret|token|accessToken|refreshToken|apiKey|pin|otp|cvv|cardNumber)"\s*:\s*)"[^"]*"',
    re.IGNORECASE,
)

Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class Wanted(BaseModel):
    """What the consumer asks for."""

    model_config = ConfigDict(extra="forbid")

    base: Currency
    symbols: list[Currency] = Field(default_factory=list, max_length=50)


class Rates(BaseModel):
    """What the consumer gets, and what the market answers."""

    base: str
    rates: dict[str, Decimal]


class Enveloped(BaseModel):
    """The common form of an answer."""

    data: Rates
    correlationId: str  # noqa: N815 - the name on the wire


class Failure(Exception):  # noqa: N818 - it is told to the consumer, not a bug
    """What a consumer is told instead of an answer."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code

    def body(self, correlation_id: str) -> dict[str, Any]:
        """The envelope of a failure."""
        return {"error": {"code": self.code, "message": str(self)}, "correlationId": correlation_id}


UNAUTHENTICATED = (401, "unauthenticated", "This operation needs a valid credential.")
INVALID = (422, "invalid_input", "The input does not fit the operation.")
TIMEOUT = (504, "call_timeout", "The call took too long.")
PROVIDER_TIMED_OUT = (504, "provider_timeout", "The provider did not answer in time.")
UNREACHABLE = (502, "provider_unreachable", "The provider could not be reached.")
MALFORMED = (502, "provider_malformed", "The provider's answer could not be read.")
REFUSED = (502, "provider_failed", "The provider answered with an error.")
UNKNOWN = (404, "unknown_currency", "The market has no rates for this currency.")
INTERNAL = (500, "internal", "Something went wrong.")


def correlation_id(headers: Mapping[str, str]) -> str:
    """The consumer's id if it is safe to log, else a new one."""
    given = next((headers[name] for name in CORRELATION_HEADERS if name in headers), "")
    return given if _SAFE.fullmatch(given) else uuid.uuid4().hex


def check_token(shown: str | None, digest: bytes) -> None:
    """Raise `Failure` unless ``shown`` is the token of this digest."""
    if shown is None or not hmac.compare_digest(hashlib.sha256(shown.encode()).digest(), digest):
        raise Failure(*UNAUTHENTICATED)


def open_logs(directory: Path) -> None:
    """One file for the access log, one for the API log."""
    directory.mkdir(parents=True, exist_ok=True)
    _open(access, directory / "access.log", "[PI] %(asctime)s |%(message)s", "%Y/%m/%d - %H:%M:%S")
    _open(api, directory / "api.log", "[%(asctime)s] %(levelname)s {API_LOG} %(message)s", None)


def _open(logger: logging.Logger, path: Path, line: str, date: str | None) -> None:
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter(line, date))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False


def tell_access(status: int, seconds: float, source: str, verb: str, target: str, call: str, consumer: str) -> None:
    """One line for a served request."""
    access.info(
        " %3d | %9s | %15s | %-7s %s | %s | %s", status, f"{seconds * 1000:.3f}ms", source, verb, target, call, consumer
    )


def shown(headers: Iterable[tuple[str, str]]) -> list[str]:
    """Headers as the API log has them, secret ones masked."""
    return [f"{name}={'***' if name.lower() in _SECRET_HEADERS else value}" for name, value in headers]


class ApiRecord:
    """Tells both legs of one exchange."""

    def __init__(self, call: str, url: str) -> None:
        self._call = call
        self._place = {
            "endpoint": url,
            "endpointName": "market",
            "endpointCompany": "market",
            "apiName": "exchangeRates",
        }

    def request(self, headers: Iterable[tuple[str, str]], source: str) -> None:
        """What is sent, before it is sent."""
        self._write(
            {
                "headers": shown(headers),
                "sourceIP": source,
                "payload": "",
                "verb": "GET",
                "correlationId": self._call,
                "apiTo": "api/rates/v1.0/latest/{base}",
                "flow": "REQUEST_OUT_PI",
            }
        )

    def response(self, status: int, headers: Iterable[tuple[str, str]] = (), body: str = "") -> None:
        """What came, or the status the consumer gets because nothing did."""
        self._write(
            {
                "headers": shown(headers),
                "payload": _SECRET_FIELDS.sub(r'\1"***"', body),
                "verb": "GET",
                "correlationId": self._call,
                "statusCode": status,
                "apiTo": "api/rates/v1.0/latest/{base}",
                "flow": "RESPONSE_IN_PI",
            }
        )

    def _write(self, fields: dict[str, Any]) -> None:
        api.info(json.dumps({**fields, **self._place}, ensure_ascii=False))


def table(status: int, body: bytes) -> Rates:
    """The market's reply, typed; `Failure` when it refused or answered nonsense."""
    if status != 200:
        raise Failure(*(UNKNOWN if status == 404 else REFUSED))
    try:
        return Rates.model_validate_json(body)
    except ValueError as error:
        raise Failure(*MALFORMED) from error
