"""Whether a consumer may call an operation."""

from pi_server.domain.consumer import Consumer
from pi_server.domain.faults import Forbidden, Unauthenticated
from pi_server.domain.operation import Operation


class Admission:
    """What one operation asks of its consumers."""

    def __init__(self, operation: Operation) -> None:
        """Remember what is asked for each call."""
        self._public = operation.public
        self._scope = operation.scope
        self._service = operation.service
        self._name = f"{operation.service}.{operation.name}"

    def __call__(self, consumer: Consumer) -> None:
        """Let the consumer pass.

        Raises:
            Unauthenticated: nobody knows who it is.
            Forbidden: its credential is not good for this operation, or lacks the scope.
        """
        if consumer.is_anonymous and not self._public:
            raise Unauthenticated(reason="nothing in the chain says who calls")
        if not consumer.reaches(self._service, self._name) or not consumer.may(self._scope):
            raise _forbidden(consumer, self._scope)


def _forbidden(consumer: Consumer, scope: str | None) -> Forbidden:
    """The refusal, which tells the holder of a JWT what it lacks (RFC 6750, 3.1)."""
    if consumer.kind != "jwt" or scope is None:
        return Forbidden()
    lacking = f'Bearer realm="{consumer.realm}", error="insufficient_scope", scope="{scope}"'
    return Forbidden(headers={"WWW-Authenticate": lacking})
