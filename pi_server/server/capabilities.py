"""What the server gives the fields of services that ask for it."""

from collections.abc import Callable
from typing import Any

from pi_server.domain.capability import CapabilityPlan
from pi_server.domain.collection import Collection
from pi_server.server.stores import Stores
from pi_server.server.trust import Trust
from pi_server.stores.owned import OwnedKeys, OwnedStore
from pi_server.web.sessions.request_sessions import RequestSessions


def capabilities(stores: Stores, trust: Trust) -> Callable[[CapabilityPlan], Any]:
    """Gives each service its own part of the stores, and the sessions and tokens of its own realm."""

    def give(plan: CapabilityPlan) -> Any:
        match plan.wish.kind:
            case "collection":
                documents = OwnedStore(stores.documents, plan.service).documents(plan.field)
                return Collection(plan.wish.model, documents, *plan.wish.indexes)
            case "store":
                return OwnedStore(stores.documents, plan.service)
            case "keys":
                return OwnedKeys(stores.keys, plan.service)
            case "sessions":
                trust.sessions.rules.sealer.unseal("")  # loads the cryptography now, and not in somebody's call
                return RequestSessions(plan.realm, trust.sessions)
            case "passwords":
                return trust.passwords
            case "issuer":
                return trust.jwt.issuer(plan.realm)

    return give
