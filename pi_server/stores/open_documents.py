"""Which document store a configuration means."""

from pathlib import Path

from pi_server.domain.stores import Store


async def open_documents(where: str, data_dir: Path, timeout: float) -> Store:  # noqa: ASYNC109 - of its later answers
    """The store that ``stores.documents`` names, for the running loop; it waits at most ``timeout`` seconds.

    ``where`` is ``sqlite`` (a file in ``data_dir``), ``memory``, or a ``mongodb://`` URL with a database.  MongoDB need
    not be up: it is first asked when a document is, and may then raise `StoreTooNewError`.

    Raises:
        ValueError: the driver is not installed, or the URL is none it can use.
        StoreTooNewError: a later version wrote the file.
        StoreUnavailable: the file cannot be opened.
    """
    if where == "memory":
        from pi_server.stores.memory import MemoryStore

        return MemoryStore()
    if where == "sqlite":
        from pi_server.stores.sqlite import open_sqlite

        return await open_sqlite(data_dir / "pi-server.sqlite3", timeout)
    return _mongo(where, timeout)


def _mongo(where: str, timeout: float) -> Store:
    try:
        from pi_server.stores.mongo import open_mongo
    except ImportError as error:
        raise ValueError(
            f"stores.documents names a MongoDB, but its driver cannot be used ({error}): "
            "type pip install 'pi-server[mongo]'"
        ) from None
    return open_mongo(where, timeout)
