"""What a service may ask the server for, by declaring a field of its type."""

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

from pi_server.domain.attempts import ALLOWANCE, Allowance
from pi_server.domain.stores import Index

CapabilityKind = Literal[
    "collection", "store", "keys", "sealer", "sessions", "passwords", "issuer", "attempts", "audit"
]


@dataclass(frozen=True, slots=True)
class Capability:
    """One field's wish; ``model`` and ``indexes`` are those of a collection, ``allowance`` is that of attempts."""

    kind: CapabilityKind
    model: type[BaseModel] = BaseModel
    indexes: tuple[Index, ...] = ()
    allowance: Allowance = ALLOWANCE


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityPlan:
    """Whose wish it is: ``field`` is dotted below nested services, ``realm`` is that of the plugin."""

    wish: Capability
    service: str
    field: str
    realm: str
