"""Documents and keys for plugins: capabilities are fields of a service.

``users: Annotated[Collection[User], Index("email", unique=True)]`` keeps typed models in the store the operator chose.
"""

from pi_server.domain.collection import Collection, Record, Records
from pi_server.domain.faults import DuplicateKey, InvalidCursor, NotFound, Stale, StoreUnavailable, Unstorable
from pi_server.domain.filters import Filter, where, with_id
from pi_server.domain.stores import Index, KeyStore, Order, Store

__all__ = [
    "Collection",
    "DuplicateKey",
    "Filter",
    "Index",
    "InvalidCursor",
    "KeyStore",
    "NotFound",
    "Order",
    "Record",
    "Records",
    "Stale",
    "Store",
    "StoreUnavailable",
    "Unstorable",
    "where",
    "with_id",
]
