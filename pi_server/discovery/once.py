"""Operations that must happen only once: whether a plugin has any, and whether they can be."""

from inspect import iscoroutinefunction, signature

from pi_server.discovery.fields import fields_of
from pi_server.domain.mount import Mount
from pi_server.domain.operation import operations_of
from pi_server.domain.service import Service


def has_once(service: type[Service]) -> bool:
    """Whether an operation of this service, or of one nested in it, must happen only once."""
    inner = fields_of(service).nested.values()
    return any(operation.once for operation in operations_of(service)) or any(map(has_once, inner))


def not_once(mount: Mount) -> str:
    """Why an operation cannot be ``once`` as it is declared; empty if it can, or need not."""
    operation = mount.operation
    if not operation.once:
        return "has an enquiry, but is not once" if operation.enquire else ""
    if operation.verb == "GET":
        return "cannot be once: a GET may always be repeated"
    if operation.page:
        return "cannot be both a page and once: a browser sends no idempotency key"
    if operation.public:
        return "cannot be both public and once: an idempotency key belongs to a consumer"
    return _no_enquiry(mount) if operation.enquire else ""


def _no_enquiry(mount: Mount) -> str:
    operation = mount.operation
    enquiry = getattr(type(mount.service), operation.enquire, None)
    if not iscoroutinefunction(enquiry):
        return f"enquires by {operation.enquire}, which is no async method of its service"
    if list(signature(enquiry).parameters.values()) != list(signature(operation.method).parameters.values()):
        return f"enquires by {operation.enquire}, which takes other parameters"
    return ""
