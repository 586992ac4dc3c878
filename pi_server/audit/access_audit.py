"""The record of access to people's data: one line of JSON each, written through, and without values."""

import time
from collections.abc import Sequence

from pi_server.audit.one_line import escaped, quoted
from pi_server.audit.stamp import Clock, Stamp, rfc3339_form
from pi_server.audit.writer import Stream
from pi_server.domain.call import Call
from pi_server.domain.faults import Unrecorded


class AccessAudit:
    """An `Audit` in a file; what cannot be written must not happen."""

    def __init__(self, file: Stream, *, timezone: str = "local", clock: Clock = time.time) -> None:
        """Write to ``file``, which stays its owner's to close."""
        self._file = file
        self._stamp = Stamp(rfc3339_form, timezone, clock)

    def record(
        self, call: Call, action: str, *, whose: str, records: Sequence[str] = (), fields: Sequence[str] = ()
    ) -> None:
        """Write the line, or raise `Unrecorded`."""
        operation = f"{call.operation.service}.{call.operation.name}" if call.operation else ""
        told = {
            "at": self._stamp(),
            "correlationId": call.correlation_id,
            "sourceIP": call.source,
            "who": call.consumer.name,
            "kind": call.consumer.kind,
            "operation": operation,
            "action": action,
            "whose": whose,
        }
        pairs = [f'"{name}": {quoted(value)}' for name, value in told.items()]
        pairs += [f'"records": {_listed(records)}', f'"fields": {_listed(fields)}']
        if self._file.write(escaped(f"{{{', '.join(pairs)}}}\n").encode()):
            raise Unrecorded


def _listed(values: Sequence[str]) -> str:
    return f"[{', '.join(map(quoted, values))}]"
