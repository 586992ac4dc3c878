"""A message compared with its WSDL before the first call, models within models included."""

from collections.abc import Collection, Iterator
from difflib import get_close_matches
from typing import Any, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, PlainSerializer, PlainValidator, WrapSerializer, WrapValidator
from pydantic.fields import FieldInfo

from pi_server.providers.soap.binding import Place

_CHANGING = (BeforeValidator, PlainValidator, WrapValidator, PlainSerializer, WrapSerializer)


def compare_request(model: type[BaseModel], place: Place, what: str) -> None:
    """See that a model has no name but those of the WSDL, and all that have to be there; ValueError otherwise."""
    _compare(model, place, what, reply=False, seen=frozenset())


def compare_reply(model: type[BaseModel], place: Place, what: str) -> None:
    """See that the WSDL has whatever a model cannot do without; ValueError otherwise."""
    _compare(model, place, what, reply=True, seen=frozenset())


def wire_names(model: type[BaseModel]) -> set[str]:
    """The names of a model's fields on the wire."""
    return {field.alias or name for name, field in model.model_fields.items()}


def hint(name: str, given: Collection[str]) -> str:
    """What may have been meant by a name that is not among those ``given``."""
    near = get_close_matches(name, given, 1)
    return f"; did you mean {near[0]!r}?" if near else f"; it has: {', '.join(given) or 'none'}"


def _compare(model: type[BaseModel], place: Place, what: str, *, reply: bool, seen: frozenset[type[BaseModel]]) -> None:
    if model in seen or place.is_open:  # models may hold themselves
        return
    names, below = place.names, seen | {model}
    fields = {field.alias or name: (name, field) for name, field in model.model_fields.items()}
    for wire, (_, field) in sorted(fields.items()):
        if wire not in names and (field.is_required() or not reply):
            raise ValueError(f"{what} has no {wire!r} in the WSDL{hint(wire, names)}")
    for wire in () if reply or _adds(model) else sorted(place.demanded - fields.keys()):
        raise ValueError(f"{what} demands {wire!r} in the WSDL, and {model.__name__} has no such field")
    for wire, (name, field) in fields.items():
        inner = _inner(model, name, field)
        if inner and wire in names and names[wire].names:  # a value without parts is told by its type, at the call
            _compare(inner, names[wire], f"{inner.__name__}: {wire}", reply=reply, seen=below)


def _inner(model: type[BaseModel], name: str, field: FieldInfo) -> type[BaseModel] | None:
    """The one model of a field, unless code of the plugin stands between it and the wire."""
    found = list(_models(field.annotation))
    if len(found) != 1 or any(isinstance(item, _CHANGING) for item in field.metadata):
        return None
    return None if _has_code(model, name) or _has_code(found[0]) else found[0]


def _adds(model: type[BaseModel]) -> bool:
    """Whether a model may put more on the wire than its fields."""
    computed = model.__pydantic_decorators__.computed_fields
    return bool(computed) or model.model_config.get("extra") == "allow" or _has_code(model)


def _has_code(model: type[BaseModel], name: str = "") -> bool:
    """Whether a model reads or writes itself by methods of its own, or its field ``name`` so."""
    own = model.__pydantic_decorators__
    read = [field for found in own.field_validators.values() for field in found.info.fields]
    written = [field for found in own.field_serializers.values() for field in found.info.fields]
    return bool(own.model_validators or own.model_serializers) or not {name, "*"}.isdisjoint(read + written)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) is not dict:
        for argument in get_args(annotation):
            yield from _models(argument)
