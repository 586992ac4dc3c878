"""Who looked at, or changed, what belongs to somebody."""

from collections.abc import Sequence
from typing import Protocol

from pi_server.domain.call import Call


class Audit(Protocol):
    """Evidence of access to people's data: declare ``audit: Audit`` in a service to have it."""

    def record(
        self, call: Call, action: str, *, whose: str, records: Sequence[str] = (), fields: Sequence[str] = ()
    ) -> None:
        """Write one line before the access happens, or its answer leaves.

        It tells who calls, from where, what is done (``read``) with whose ``records`` (ids) and which ``fields``
        (names); values are never told.

        Raises:
            Unrecorded: the line could not be written, so the access must not happen.
        """
        ...
