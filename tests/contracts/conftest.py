"""The real servers that the contracts are asked of."""

from tests.parts.document_stores import document_store, documents, insert
from tests.parts.mongo import mongo_database, mongod
from tests.parts.redis import patient, redis_cluster, redis_port, redis_url, shared_redis_cluster

__all__ = ["document_store", "documents", "insert", "mongo_database", "mongod"]
__all__ += ["patient", "redis_cluster", "redis_port", "redis_url", "shared_redis_cluster"]
