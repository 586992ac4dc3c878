"""The small protocols through which rooms that do not know each other meet."""

from typing import Literal, NamedTuple, Protocol, TypeVar

from pydantic import BaseModel

from pi_server.domain.call import Call
from pi_server.domain.faults import Inside
from pi_server.domain.message import Message, RestMessage, SoapMessage, WireRequest, WireResponse

R = TypeVar("R", bound=BaseModel)


ProviderKind = Literal["soap", "rest"]
"""What a service's provider speaks."""


class SoapProvider(Protocol):
    """A foreign SOAP endpoint, bound to a service's field of this type from configuration."""

    async def send(self, call: Call, message: SoapMessage[R], /) -> R:
        """Ask, and return the typed reply.

        Raises:
            Fault: the provider failed or refused, as the service's status map tells it.
        """
        ...


class RestProvider(Protocol):
    """A foreign REST endpoint, bound to a service's field of this type from configuration."""

    async def send(self, call: Call, message: RestMessage[R], /) -> R:
        """Ask, and return the typed reply.

        Raises:
            Fault: the provider failed or refused, as the service's status map tells it.
        """
        ...


class Codec(Protocol):
    """Messages to wire bytes and back, without any I/O."""

    def encode(self, message: Message[R], /) -> WireRequest:
        """The request that asks ``message``; ValueError when the message cannot be expressed."""
        ...

    def decode(self, message: Message[R], response: WireResponse, /) -> R:
        """The typed reply; `ProviderFault` when the provider refused or answered nonsense."""
        ...

    def inside(self, response: WireResponse, /) -> Inside:
        """The body as rules look into it; one that cannot be read has no places."""
        ...


class Masking(Protocol):
    """Takes secrets out of what is written down."""

    def header(self, name: str, value: str, /) -> str:
        """What to show for the value of a header."""
        ...

    def query(self, target: str, /) -> str:
        """What to show for a path with a query."""
        ...

    def payload(self, text: str, content_type: str, /) -> str:
        """What to show for a body."""
        ...


class Access(NamedTuple):
    """One served request, as the access log tells it; ``seconds`` is the time it took to process."""

    status: int
    seconds: float
    source: str
    verb: str
    target: str
    correlation_id: str
    consumer: str
    error: str = ""


class AccessLog(Protocol):
    """Where served requests are told."""

    def record(self, access: Access, /) -> None:
        """Tell one request; never blocks and never raises."""
        ...
