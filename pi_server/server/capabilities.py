"""What the server gives the fields of services that ask for it."""

from collections.abc import Callable
from typing import Any

from pi_server.auth.keyring import KeyRing
from pi_server.domain.audit import Audit
from pi_server.domain.capability import CapabilityKind, CapabilityPlan
from pi_server.domain.collection import Collection
from pi_server.domain.security import Sealer
from pi_server.domain.stores import Store
from pi_server.server.stores import Stores
from pi_server.server.trust import Trust
from pi_server.stores.attempts import CountedAttempts
from pi_server.stores.owned import OwnedKeys, OwnedStore
from pi_server.web.sessions.request_sessions import RequestSessions
from pi_server.web.sessions.storage import SessionStorage

Give = Callable[[CapabilityPlan], Any]


def capabilities(stores: Stores, trust: Trust, ring: KeyRing, audit: Callable[[], Audit]) -> Give:
    """Gives each service its own part of the stores, keys of its own, and the sessions and tokens of its own realm."""
    givers: dict[CapabilityKind, Give] = {
        "collection": lambda plan: _collection(plan, stores.documents),
        "store": lambda plan: OwnedStore(stores.documents, plan.service),
        "keys": lambda plan: OwnedKeys(stores.keys, plan.service),
        "sealer": lambda plan: _loaded(ring.sealer(f"service/{plan.service}/{plan.field}")),
        "sessions": lambda plan: _sessions(plan, trust.sessions),
        "passwords": lambda _: trust.passwords,
        "issuer": lambda plan: trust.jwt.issuer(plan.realm),
        "attempts": lambda plan: CountedAttempts(stores.keys, f"{plan.service}.{plan.field}", plan.wish.allowance),
        "audit": lambda _: audit(),
    }
    return lambda plan: givers[plan.wish.kind](plan)


def _collection(plan: CapabilityPlan, documents: Store) -> Collection[Any]:
    return Collection(plan.wish.model, OwnedStore(documents, plan.service).documents(plan.field), *plan.wish.indexes)


def _sessions(plan: CapabilityPlan, storage: SessionStorage) -> RequestSessions:
    _loaded(storage.rules.sealer)
    return RequestSessions(plan.realm, storage)


def _loaded(sealer: Sealer) -> Sealer:
    """With its cryptography loaded now, and not in somebody's call."""
    sealer.unseal("")
    return sealer
