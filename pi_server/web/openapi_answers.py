"""What OpenAPI tells of an operation's answers: success in the service's envelope, and the faults to expect."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, get_type_hints

from pydantic import BaseModel, Field, TypeAdapter

from pi_server.domain import faults
from pi_server.domain.envelope import ENVELOPES, EnvelopeName
from pi_server.domain.faults import Detail, ProviderFailure
from pi_server.domain.mount import Mount
from pi_server.domain.operation import Once
from pi_server.domain.ports import RestProvider, SoapProvider
from pi_server.domain.status_map import DEFAULTS
from pi_server.web.openapi_schemas import NULL, Json, Schemas, may_be_null, or_null
from pi_server.web.respond import output_type

EXAMPLE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
"""A correlation id for examples."""

CorrelationId = Annotated[str, Field(description="Ties all records of this call together.")]


class FaultError(BaseModel):
    """What went wrong."""

    code: Annotated[str, Field(description="For programs.")]
    message: Annotated[str, Field(description="For people.")]
    retryable: Annotated[bool | None, Field(default=None, description="Whether asking again may help, where known.")]
    details: Annotated[list[Detail], Field(default=[], description="Each thing that is wrong with the input.")]


class Fault(BaseModel):
    """A failed call, semantic envelope."""

    error: FaultError
    correlation_id: Annotated[CorrelationId, Field(alias="correlationId")]


class Problem(BaseModel):
    """A failed call as problem details (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: Annotated[str, Field(description="For people.")]
    instance: CorrelationId
    code: Annotated[str, Field(description="For programs.")]
    retryable: Annotated[bool | None, Field(default=None, description="Whether asking again may help, where known.")]
    details: Annotated[list[Detail], Field(default=[], description="Each thing that is wrong with the input.")]


class Compat(BaseModel):
    """A failed call, compat envelope."""

    dat: None
    err: Annotated[str, Field(description="What went wrong.", min_length=1)]


FAULT_MODELS: Mapping[EnvelopeName, TypeAdapter[Any]] = {
    "semantic": TypeAdapter(Fault),
    "problem": TypeAdapter(Problem),
    "compat": TypeAdapter(Compat),
}

HEADERS: Json = {
    "activityid": {
        "description": "The correlation id: the consumer's own, if it sent one that is safe to log.",
        "schema": {"type": "string", "examples": [EXAMPLE_ID]},
    }
}
_USUAL: tuple[ProviderFailure, ...] = ("unreachable", "timeout", "breaker_open")
_EVERY_ANSWER: Json = {"activityid": {"$ref": "#/components/headers/activityid"}}


def output_adapter(mount: Mount) -> TypeAdapter[Any]:
    """The type of what the operation gives."""
    return TypeAdapter(output_type(get_type_hints(mount.operation.method).get("return", Any)))


def answers(mount: Mount, data: Json, schemas: Schemas, expected: list[faults.Fault], shared: Json) -> Json:
    """The responses of one operation, by status; those it has in common with others are put into ``shared``.

    ``data`` is the schema of what the operation gives.
    """
    told: dict[int, dict[str, faults.Fault]] = {}
    for fault in expected:
        same = told.setdefault(ENVELOPES[mount.envelope].failure(fault, EXAMPLE_ID).status, {})
        same.setdefault(fault.code, fault)
    own = {rule.then.code for rule in mount.rules}
    found: Json = {}
    for status, by_code in told.items():
        hidden = next(iter(by_code.values())).status != status
        if not hidden and own & by_code.keys():  # another plugin may mean something else by such a code
            found[str(status)] = _failures([*by_code.values()], mount.envelope, schemas)
            continue
        name = f"{mount.envelope}.{'refused' if hidden else '_or_'.join(by_code)}"
        shared.setdefault(name, _failures([*by_code.values()][: 1 if hidden else None], mount.envelope, schemas))
        found[str(status)] = {"$ref": f"#/components/responses/{name}"}
    shared.setdefault(f"{mount.envelope}.other", _other(mount.envelope, schemas.given(mount.envelope)))
    found["default"] = {"$ref": f"#/components/responses/{mount.envelope}.other"}
    return dict(sorted({**found, **dict(_successes(mount, data))}.items()))


def _successes(mount: Mount, data: Json) -> Iterator[tuple[str, Json]]:
    frames_nothing = ENVELOPES[mount.envelope].frames_nothing
    status = 200 if frames_nothing and mount.operation.status == 204 else mount.operation.status
    empties = status in (200, 204) and not frames_nothing  # None is answered with 204 then
    if not empties or data != NULL:
        schema = _WRAPPED[mount.envelope](data)
        produces = mount.operation.produces or mount.service.produces
        yield str(status), _response("The operation's answer.", {kind: {"schema": schema} for kind in produces})
    if empties and may_be_null(data):
        yield "204", _response("Done; there is nothing to tell.")


def _semantic(data: Json) -> Json:
    return _object(data=data, correlationId={"type": "string"})


def _compat(data: Json) -> Json:
    return _object(
        dat=or_null(data),
        err={"type": "string", "description": "Empty on success; otherwise what went wrong, and `dat` is null."},
    )


_WRAPPED: Mapping[EnvelopeName, Callable[[Json], Json]] = {
    "semantic": _semantic,
    "problem": _semantic,
    "compat": _compat,
}


def _object(**properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _failures(same: list[faults.Fault], envelope: EnvelopeName, schemas: Schemas) -> Json:
    """The response of faults that share a status, with an example of each."""
    rendered = [ENVELOPES[envelope].failure(fault, EXAMPLE_ID) for fault in same]
    hidden = rendered[0].status != same[0].status
    text = "The call was refused; `err` tells why." if hidden else " ".join(fault.message for fault in same)
    bodies = [json.loads(one.body) for one in rendered]
    named = {fault.code: {"value": body} for fault, body in zip(same, bodies, strict=True)}
    shown: Json = {"examples": named} if len(same) > 1 else {"example": bodies[0]}
    return _response(text, {rendered[0].content_type: {"schema": schemas.given(envelope), **shown}})


def _other(envelope: EnvelopeName, schema: Json) -> Json:
    kind = ENVELOPES[envelope].failure(faults.InternalFault(), EXAMPLE_ID).content_type
    return _response("Any other fault.", {kind: {"schema": schema}})


def _response(description: str, content: Json | None = None) -> Json:
    return {"description": description, "headers": _EVERY_ANSWER, **({"content": content} if content else {})}


def expected_faults(mount: Mount, *, guarded: bool, takes_body: bool) -> list[faults.Fault]:
    """What an operation can fail with whatever its method does, and the failures of the providers it has."""
    found: list[faults.Fault] = []
    if takes_body:
        found += [faults.InvalidSyntax(), faults.BodyTooLarge(), faults.UnsupportedMediaType()]
    if guarded:
        found.append(faults.Unauthenticated())
    if mount.operation.scope is not None:
        found.append(faults.Forbidden())
    found.append(faults.InvalidInput(details=(Detail("order.amount", "Field required"),)))
    found += _of_keys(mount.operation.once)
    return [*found, faults.CallTimeout(), *_of_providers(mount)]


def _of_keys(once: Once) -> list[faults.Fault]:
    if not once:
        return []
    missing = [faults.KeyMissing()] if once == "required" else []
    return [*missing, faults.InvalidKey(), faults.StillRunning(), faults.OutcomeUnknown(), faults.KeyReused()]


def _of_providers(mount: Mount) -> Iterator[faults.Fault]:
    """What is told when a provider of the service fails: the usual ones, and what the package's own rules say."""
    hints = get_type_hints(type(mount.service))
    providers = {name for name, hint in hints.items() if hint in (SoapProvider, RestProvider)}
    if providers:
        yield from (DEFAULTS[kind].fault() for kind in _USUAL)
        yield from (rule.then.fault() for rule in mount.rules if rule.when.provider in (None, *providers))
