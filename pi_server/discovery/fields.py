"""A service's fields, sorted by how each is filled from the configuration."""

import sys
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from typing import Annotated, Any, NotRequired, cast, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, TypeAdapter
from typing_extensions import TypedDict  # pydantic takes the standard one from 3.12 on

from pi_server.domain.attempts import ALLOWANCE, Allowance, Attempts
from pi_server.domain.audit import Audit
from pi_server.domain.capability import Capability, CapabilityKind
from pi_server.domain.collection import Collection
from pi_server.domain.message import Message, RestMessage, SoapMessage
from pi_server.domain.ports import ProviderKind, RestProvider, SoapProvider
from pi_server.domain.security import Passwords, Sealer, Sessions, TokenIssuer
from pi_server.domain.service import Service
from pi_server.domain.stores import Index, KeyStore, Store

_KINDS: dict[Any, ProviderKind] = {SoapProvider: "soap", RestProvider: "rest"}
_CAPABILITIES: tuple[tuple[Any, CapabilityKind], ...] = (
    (Store, "store"),
    (KeyStore, "keys"),
    (Sealer, "sealer"),
    (Sessions, "sessions"),
    (Passwords, "passwords"),
    (TokenIssuer, "issuer"),
    (Audit, "audit"),
)


@dataclass(frozen=True, slots=True)
class ServiceFields:
    """Plain values, providers, capabilities and nested services, each by name.

    ``optional`` fields have a default of their own.
    """

    plain: Mapping[str, Any]
    providers: Mapping[str, ProviderKind]
    capabilities: Mapping[str, Capability]
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
        return checked(self.plain, self.optional, own)


def checked(kinds: Mapping[str, Any], optional: frozenset[str], given: Mapping[str, Any]) -> dict[str, Any]:
    """The values of exactly these names; in their models, too, no key is unknown unless one decides that for itself.

    Raises:
        pydantic.ValidationError: unknown, missing or wrong values.
    """
    decided = any(map(_decides, kinds.values()))
    return mapping_of(kinds, optional).validate_python(given, extra=None if decided else "forbid")


def _decides(kind: Any, seen: frozenset[Any] = frozenset()) -> bool:
    """Whether a model in ``kind`` says itself what becomes of unknown keys."""
    if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return any(_decides(argument, seen) for argument in get_args(kind))
    inner = [field.annotation for field in kind.model_fields.values() if kind not in seen]
    return "extra" in kind.model_config or any(_decides(annotation, seen | {kind}) for annotation in inner)


def mapping_of(kinds: Mapping[str, Any], optional: frozenset[str]) -> TypeAdapter[dict[str, Any]]:
    """Validates a mapping of exactly these names; those that are optional may be absent."""
    shape = cast("Any", TypedDict)("Settings", {n: NotRequired[k] if n in optional else k for n, k in kinds.items()})
    shape.__pydantic_config__ = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
    return TypeAdapter(shape)


def fields_of(cls: type[Service]) -> ServiceFields:
    """The fields ``cls`` declares."""
    hints = get_type_hints(cls, include_extras=True)
    declared: dict[str, Field[Any]] = {field.name: field for field in fields(cast("Any", cls))}
    providers: dict[str, ProviderKind] = {name: _KINDS[hints[name]] for name in declared if hints[name] in _KINDS}
    wishes = {name: _wish(hints[name]) for name in declared}
    capabilities = {name: wish for name, wish in wishes.items() if wish}
    nested = {n: hints[n] for n in declared if isinstance(hints[n], type) and issubclass(hints[n], Service)}
    return ServiceFields(
        plain={n: hints[n] for n in declared if n not in providers and n not in nested and n not in capabilities},
        providers=providers,
        capabilities=capabilities,
        nested=nested,
        optional=frozenset(name for name, field in declared.items() if _has_default(field)),
    )


def _wish(hint: Any) -> Capability | None:
    """The capability a field's type asks for; ``Annotated`` may hold a collection's indexes, or an allowance."""
    asked, *extras = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    if get_origin(asked) is Collection:
        indexes = tuple(extra for extra in extras if isinstance(extra, Index))
        return Capability("collection", get_args(asked)[0], indexes)
    if asked is Attempts:
        allowance = next((extra for extra in extras if isinstance(extra, Allowance)), ALLOWANCE)
        return Capability("attempts", allowance=allowance)
    return next((Capability(kind) for protocol, kind in _CAPABILITIES if asked is protocol), None)


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
