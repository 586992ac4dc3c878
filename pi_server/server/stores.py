"""Opening the two stores of the configuration, and what the server keeps in them."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass

from pi_server.auth.keyring import KeyRing
from pi_server.config import Config, ConfigError, Problem
from pi_server.domain.faults import StoreUnavailable
from pi_server.domain.stores import KeyStore, Store, StoreTooNewError
from pi_server.stores.open_documents import open_documents
from pi_server.stores.open_keys import open_keys
from pi_server.web.once.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Stores:
    """Where this server keeps documents, and what lives shortly."""

    documents: Store
    keys: KeyStore


async def open_stores(config: Config, opened: AsyncExitStack) -> Stores:
    """The stores; ``opened`` closes them.  A database that is away is no failure: whoever asks it gets the fault.

    Raises:
        ConfigError: a driver is missing, a file cannot be used, or a later version wrote it.
    """
    section, folder = config.stores, config.server.data_dir
    try:
        documents = await open_documents(section.documents, folder, section.timeout)
        opened.push_async_callback(documents.close)
        keys = await open_keys(section.keys, folder, section.timeout)
        opened.push_async_callback(keys.close)
    except StoreUnavailable as fault:  # only a file's: nothing else was asked yet
        raise ConfigError((Problem("stores", fault.reason, ""),)) from fault
    except (ValueError, OSError, StoreTooNewError) as error:
        raise ConfigError((Problem("stores", str(error), ""),)) from error
    return Stores(documents, keys)


async def rehearsed_stores(config: Config, opened: AsyncExitStack) -> Stores:
    """Stores nobody writes to: enough to see whether everything else fits together."""
    memory = config.stores.model_copy(update={"documents": "memory", "keys": "memory"})
    return await open_stores(config.model_copy(update={"stores": memory}), opened)


def ledger(config: Config, stores: Stores, ring: KeyRing) -> Ledger:
    """What is known by idempotency keys, in the store of keys and sealed."""
    return Ledger(stores.keys, ring.sealer("once"), config.idempotency.keep)
