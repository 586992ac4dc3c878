"""The real servers that the contracts are asked of."""

import pytest

from tests.parts.document_stores import document_store, documents, insert
from tests.parts.mongo import mongo_database, mongod
from tests.parts.redis import redis_cluster, redis_port, redis_url, shared_redis_cluster

__all__ = ["document_store", "documents", "insert", "mongo_database", "mongod"]
__all__ += ["redis_cluster", "redis_port", "redis_url", "shared_redis_cluster"]


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks a Redis waits for it: a busy machine is no fault of theirs."""
    for limit in ("redis_keys._WAIT", "redis_keys._WHOLE", "rate_counters.PATIENCE"):
        monkeypatch.setattr(f"pi_server.stores.{limit}", 20.0)
