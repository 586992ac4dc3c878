"""What a worker can be asked about its services, and told to do with one; whatever is done goes on record."""

import os
from collections.abc import Mapping
from typing import Any

from pi_server.audit.one_line import escaped, quoted
from pi_server.audit.stamp import Stamp, rfc3339_form
from pi_server.audit.writer import Stream
from pi_server.server.control.channel import RefusedError, Verb
from pi_server.server.services import Services


class OperatorsLog:
    """A line of JSON for each change by hand: when, who, in which process, what, and how it ended; written through."""

    def __init__(self, file: Stream, timezone: str) -> None:
        """Write to ``file``, which stays its owner's to close."""
        self._file = file
        self._stamp = Stamp(rfc3339_form, timezone)

    def record(self, who: str, action: str, service: str, outcome: str) -> None:
        """Write one line."""
        told = {"at": self._stamp(), "who": who, "worker": str(os.getpid())}
        told |= {"action": action, "service": service, "outcome": outcome}
        pairs = ", ".join(f'"{name}": {quoted(value)}' for name, value in told.items())
        self._file.write(escaped(f"{{{pairs}}}\n").encode())


def services_questions(services: Services, log: OperatorsLog) -> Mapping[str, Verb]:
    """The verbs."""

    async def told(_: Mapping[str, Any]) -> list[dict[str, Any]]:
        return services.told()

    async def service(question: Mapping[str, Any]) -> dict[str, Any]:
        name, turned = str(question.get("service")), str(question.get("turn"))
        outcome = "it took too long"
        try:
            outcome = await services.turn(name, turned)
        except RefusedError as refused:
            outcome = f"refused: {refused}"
            raise
        finally:
            log.record(question["who"], turned, name, outcome)
        return {"worker": os.getpid(), "state": outcome}

    return {"services": told, "service": service}
