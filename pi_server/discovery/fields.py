"""A service's fields, sorted by how each is filled from the configuration."""

import sys
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any, NotRequired, cast, get_type_hints

from pydantic import ConfigDict, TypeAdapter
from typing_extensions import TypedDict  # pydantic takes the standard one from 3.12 on

from pi_server.domain.message import Message, RestMessage, SoapMessage
from pi_server.domain.ports import ProviderKind, RestProvider, SoapProvider
from pi_server.domain.service import Service

_KINDS: dict[Any, ProviderKind] = {SoapProvider: "soap", RestProvider: "rest"}


@dataclass(frozen=True, slots=True)
class ServiceFields:
    """Plain values, providers and nested services, each by name; ``optional`` fields have a default of their own."""

    plain: Mapping[str, Any]
    providers: Mapping[str, ProviderKind]
    nested: Mapping[str, type[Service]]
    optional: frozenset[str]

    @property
    def names(self) -> tuple[str, ...]:
        """All fields."""
        return (*self.plain, *self.providers, *self.nested)

    def decode(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The plain values in ``given``; a field that is absent keeps its default.

        Raises:
            pydantic.ValidationError: keys that are no field of the service, missing or wrong values.
        """
        own = {key: value for key, value in given.items() if key not in self.providers and key not in self.nested}
        kinds = {name: NotRequired[kind] if name in self.optional else kind for name, kind in self.plain.items()}
        shape = cast("Any", TypedDict)("Fields", kinds)
        shape.__pydantic_config__ = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
        return TypeAdapter[dict[str, Any]](shape).validate_python(own)


def fields_of(cls: type[Service]) -> ServiceFields:
    """The fields ``cls`` declares."""
    hints = get_type_hints(cls, include_extras=True)
    declared: dict[str, Field[Any]] = {field.name: field for field in fields(cast("Any", cls))}
    providers: dict[str, ProviderKind] = {name: _KINDS[hints[name]] for name in declared if hints[name] in _KINDS}
    nested = {n: hints[n] for n in declared if isinstance(hints[n], type) and issubclass(hints[n], Service)}
    return ServiceFields(
        plain={name: hints[name] for name in declared if name not in providers and name not in nested},
        providers=providers,
        nested=nested,
        optional=frozenset(name for name, field in declared.items() if _has_default(field)),
    )


def _has_default(field: "Field[Any]") -> bool:
    return field.default is not MISSING or field.default_factory is not MISSING


def messages_beside(cls: type[Service], kind: ProviderKind) -> tuple[type[Message[Any]], ...]:
    """The messages of the module that declares ``cls``, if it has only one provider they can be meant for."""
    if list(fields_of(cls).providers.values()).count(kind) != 1:
        return ()
    base: type[Any] = SoapMessage if kind == "soap" else RestMessage
    found: list[Any] = list(vars(sys.modules[cls.__module__]).values())
    kinds = [value for value in found if isinstance(value, type) and issubclass(value, base)]
    declared: list[type[Message[Any]]] = [value for value in kinds if "__shape__" in vars(value)]
    return tuple(m for m in declared if m.__pydantic_generic_metadata__["origin"] is None)  # not SoapMessage[Reply]
