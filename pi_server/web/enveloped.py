"""The endpoint of an operation that answers in its service's envelope."""

from typing import Any, get_type_hints

from pi_server.domain.envelope import ENVELOPES
from pi_server.domain.mount import Mount
from pi_server.domain.operation import Operation
from pi_server.web.body import Patience
from pi_server.web.endpoint import Endpoint
from pi_server.web.respond import Responder


def enveloped(mount: Mount, operation: Operation, patience: Patience) -> Endpoint:
    """Serve ``operation``, that of ``mount`` or another in its place.

    Raises:
        ValueError: its signature cannot be served.
    """
    returned = get_type_hints(operation.method).get("return", Any)
    respond = Responder(operation, returned, ENVELOPES[mount.envelope]).respond
    return Endpoint(mount.service, operation, respond, mount.timeout, patience)
