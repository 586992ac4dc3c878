"""What every kind of credential comes to: headers prepared at start, and links where that is not enough."""

from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict

from pi_server.domain.chain import Chain
from pi_server.domain.exchange import Send

_NO_LINKS: Chain[Send] = Chain()


async def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Credential:
    """How the server shows who it is.

    ``headers`` go with every request.  Links ``outside`` stand between the deadline and the policies; those ``inside``
    stand between the API log and the transport, so that no record can hold what they add.
    """

    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    outside: Chain[Send] = _NO_LINKS
    inside: Chain[Send] = _NO_LINKS
    close: Callable[[], Awaitable[None]] = _nothing


NO_CREDENTIAL = Credential()


class AuthSection(BaseModel):
    """A section ``auth``: the base of all kinds."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @property
    def secret_header(self) -> str:
        """The request header whose value is this credential, if it goes in one."""
        return "Authorization"


def basic(user: str, password: str) -> str:
    """The value of an ``Authorization`` header of RFC 7617."""
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"
