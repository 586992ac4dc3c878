"""From the plain data of an answer to the typed reply."""

from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from pi_server.domain.faults import ProviderFault
from pi_server.domain.message import Message
from pi_server.providers.text import printable

R = TypeVar("R", bound=BaseModel)

_LISTED = 10


def typed(message: Message[R], data: Any) -> R:
    """Validate ``data`` as the reply ``message`` asks for; raises pydantic's ValidationError."""
    reply = cast("type[R]", type(message).__shape__.reply)
    return cast("R", reply.__pydantic_validator__.validate_python(data))  # half the time of model_validate


def invalid(error: ValidationError, status: int) -> ProviderFault:
    """The fault of a reply that does not fit its model: which paths and why, but none of their values."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    listed = ", ".join(f"{'.'.join(map(str, e['loc']))[:80] or '(all)'}: {e['type']}" for e in found[:_LISTED])
    return ProviderFault("malformed", printable(f"{error.title} does not fit ({listed})", 800), status=status)
