"""Which key store a configuration means."""

from pathlib import Path

from pi_server.domain.stores import KeyStore
from pi_server.stores.memory_keys import MemoryKeys
from pi_server.stores.sqlite_keys import SqliteKeys


async def open_keys(where: str, data_dir: Path, timeout: float) -> KeyStore:  # noqa: ASYNC109 - the store's bound, not this call's
    """The store that ``stores.keys`` names, for the running loop; no answer takes longer than ``timeout`` seconds.

    ``where`` is ``sqlite`` (a file in ``data_dir``), ``memory``, a ``redis://`` or ``rediss://`` URL, ``name:port`` of
    a Redis server, or ``name:port,name:port,...`` of a Redis Cluster.  Redis need not be up: it is first asked when a
    key is, and `KeyStore.ping` of it, or anything else, may then raise `StoreTooNewError`.

    Raises:
        ValueError: the driver is not installed, or the URL holds an option it does not know.
        StoreTooNewError: a later version wrote the file.
        StoreUnavailable: the file cannot be opened.
    """
    if where == "memory":
        return MemoryKeys()
    if where == "sqlite":
        keys = SqliteKeys(data_dir / "keys.sqlite3", timeout)
        await keys.open()
        return keys
    return _redis(where, timeout)


def _redis(where: str, timeout: float) -> KeyStore:
    try:
        from pi_server.stores import redis_keys
    except ImportError as error:
        raise ValueError(
            f"stores.keys names a Redis, but its driver cannot be used ({error}): type pip install 'pi-server[redis]'"
        ) from None
    if "://" in where:
        return redis_keys.one_server(where, timeout)
    if "," not in where:
        return redis_keys.one_server(f"redis://{where.strip()}", timeout)
    return redis_keys.cluster([_node(node.strip()) for node in where.split(",") if node.strip()], timeout)


def _node(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)
