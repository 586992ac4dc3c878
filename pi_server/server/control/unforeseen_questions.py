"""What a running worker can be asked about failures that no rule speaks of."""

from collections.abc import Mapping
from typing import Any

from pi_server.domain.unforeseen import Unforeseen
from pi_server.server.control.channel import Verb


def unforeseen_questions(unforeseen: Mapping[str, Unforeseen]) -> Mapping[str, Verb]:
    """The verb of a worker, whose services have counted ``unforeseen`` ones by their names."""

    async def asked(_: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [
            {
                "service": service,
                "provider": shape.provider,
                "kind": shape.kind,
                "when": shape.when,
                "count": seen.count,
                "first": seen.first,
                "last": seen.last,
                "correlationId": seen.correlation_id,
            }
            for service, own in unforeseen.items()
            for shape, seen in own.seen.items()
        ]

    return {"unforeseen": asked}
