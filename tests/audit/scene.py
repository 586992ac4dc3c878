"""A withdrawal, with every id and time fixed."""

from datetime import UTC, datetime
from pathlib import Path

from pi_server.audit.api_log import ApiLog, Level
from pi_server.audit.mask import Mask
from pi_server.domain.call import Call
from pi_server.domain.deadline import NEVER, Deadline
from pi_server.domain.exchange import Endpoint, Exchange, Send
from pi_server.domain.faults import ProviderFault
from pi_server.domain.message import Headers, WireRequest, WireResponse
from pi_server.domain.operation import Operation
from pi_server.domain.status_map import DEFAULTS
from pi_server.domain.turn import Refuse

MOMENT = datetime(2026, 11, 21, 1, 48, 10, 123_000, UTC).timestamp()
ID = "0f8fad5bd9cb469fa16570867728950e"
SOAP = ("Content-Type", "application/soap+xml;charset=UTF-8")
ORDER = b"<Envelope><Body><accountWithdrawal><AccountNo>42</AccountNo></accountWithdrawal></Body></Envelope>"
RECEIPT = b"<Envelope><Body><TraceNo>T1</TraceNo>\n<Balance>5.00</Balance></Body></Envelope>"
ANSWER = WireResponse(200, (SOAP, ("Date", "Sat, 21 Nov 2026 01:48:10 GMT")), RECEIPT)


async def nothing() -> None:
    """Be the method of an operation nobody calls."""


OPERATION = Operation(
    verb="POST",
    path="/api/account/v1.0/withdraw",
    name="withdraw",
    method=nothing,
    service="account_withdrawal",
    api_name="accountWithdrawal",
)


def call(correlation_id: str = ID, deadline: Deadline = NEVER) -> Call:
    """The consumer's request."""
    return Call(correlation_id=correlation_id, source="10.0.0.7", operation=OPERATION, deadline=deadline)


def exchange(
    body: bytes = ORDER,
    headers: Headers = (SOAP, ("activityid", ID)),
    *,
    url: str = "https://bank.example/ws",
    of: Call | None = None,
    deadline: Deadline = NEVER,
) -> Exchange:
    """The request on its way to the bank."""
    endpoint = Endpoint("https://bank.example/ws?WSDL", "bank", "core bank")
    return Exchange(of or call(), endpoint, WireRequest("POST", url, headers, body), deadline)


def status_of(fault: ProviderFault) -> int:
    """The default status of a fault."""
    return DEFAULTS[fault.kind].status


class Recorder:
    """An API log at a fixed time, and what it wrote."""

    def __init__(self, *, status_code_as_string: bool = False, timezone: str = "UTC") -> None:
        """Start empty."""
        self.lines: list[bytes] = []
        self.log = ApiLog(
            self._take,
            Mask(["nationalId"]),
            timezone=timezone,
            status_code_as_string=status_code_as_string,
            clock=lambda: MOMENT,
        )

    def _take(self, line: bytes, _: Refuse | None = None) -> None:
        self.lines.append(line)

    @property
    def text(self) -> bytes:
        """All that was written."""
        return b"".join(self.lines)

    async def ask(self, send: Send, one: Exchange, level: Level = "full") -> WireResponse:
        """Send ``one`` and record it."""
        return await self.log.link(level, status_of)(send)(one)


async def answer(_: Exchange) -> WireResponse:
    """Be a bank that answers."""
    return ANSWER


def lines_of(path: Path) -> list[bytes]:
    """The lines of a file."""
    return path.read_bytes().splitlines()
