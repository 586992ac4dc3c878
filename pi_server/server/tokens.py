"""The verbs of ``pi-server token``: each opens the configured document store, does one thing, and closes it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pi_server.auth.token_records import Issued, Rotated, TokenRecord, TokenRecords, TokenRefusedError
from pi_server.config import LoadedConfig, TokenSection
from pi_server.stores.open_documents import open_documents

__all__ = ["Rotated", "TokenRefusedError", "TokenRow", "create_token", "list_tokens", "revoke_token", "rotate_token"]

_IN_MEMORY = "stores.documents is memory, which no other process sees: name another store, or use tokens.NAME.sha256"


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One token as an operator sees it; a configured one has no ``created`` and no ``used``, None is never."""

    name: str
    state: str
    scopes: Sequence[str]
    reach: Sequence[str]
    created: datetime | None
    expires: datetime | None
    used: datetime | None


async def create_token(
    loaded: LoadedConfig, name: str, *, scopes: Sequence[str], reach: Sequence[str], expires: datetime | None
) -> str:
    """A token for ``name``; as `TokenRecords.create`, and refused for a name that the configuration has."""
    if name in loaded.config.tokens:
        raise TokenRefusedError(f"tokens.{name} of the configuration has that name already")
    async with _records(loaded) as records:
        return await records.create(name, scopes=scopes, reach=reach, expires=expires)


async def rotate_token(loaded: LoadedConfig, name: str, *, overlap: timedelta, expires: datetime | None) -> Rotated:
    """A second token for ``name``; as `TokenRecords.rotate`."""
    async with _records(loaded) as records:
        try:
            return await records.rotate(name, overlap=overlap, expires=expires)
        except TokenRefusedError as refused:
            raise _explained(refused, loaded, name) from None


async def revoke_token(loaded: LoadedConfig, name: str) -> bool:
    """End all tokens of ``name``; as `TokenRecords.revoke`."""
    async with _records(loaded) as records:
        try:
            return await records.revoke(name)
        except TokenRefusedError as refused:
            raise _explained(refused, loaded, name) from None


async def list_tokens(loaded: LoadedConfig) -> list[TokenRow]:
    """The tokens of the configuration, then the recorded ones by name, newest first."""
    now, configured = datetime.now(UTC), loaded.config.tokens
    rows = [row for name, section in configured.items() for row in _configured_rows(name, section, now)]
    if loaded.config.stores.documents == "memory":
        return rows
    async with _records(loaded) as records:
        uses = await records.uses()
        for record in await records.all():
            rows += _recorded_rows(record, uses, now, shadowed=record.name in configured)
    return rows


def _configured_rows(name: str, section: TokenSection, now: datetime) -> Iterator[TokenRow]:
    state = "expired" if section.expires and section.expires <= now else "configured"
    for _ in filter(None, (section.sha256, section.next_sha256)):
        yield TokenRow(name, state, section.scopes, section.reach, None, section.expires, None)


def _recorded_rows(
    record: TokenRecord, uses: Mapping[str, datetime], now: datetime, *, shadowed: bool
) -> Iterator[TokenRow]:
    def row(one: Issued) -> TokenRow:
        state = "shadowed" if shadowed else record.state(one, now)
        used = uses.get(one.sha256)
        return TokenRow(record.name, state, record.scopes, record.reach, one.created, one.expires, used)

    yield from map(row, record.issued)


def _explained(refused: TokenRefusedError, loaded: LoadedConfig, name: str) -> TokenRefusedError:
    """Where the operator means a token of the configuration, say that it is changed there."""
    if name in loaded.config.tokens:
        return TokenRefusedError(f"{refused}; tokens.{name} stands in the configuration: change it there")
    return refused


@asynccontextmanager
async def _records(loaded: LoadedConfig) -> AsyncGenerator[TokenRecords]:
    section = loaded.config.stores
    if section.documents == "memory":
        raise TokenRefusedError(_IN_MEMORY)
    try:
        store = await open_documents(section.documents, loaded.config.server.data_dir, section.timeout)
    except ValueError as error:  # its driver is not installed, or the URL makes no sense to it
        raise TokenRefusedError(str(error)) from None
    try:
        yield TokenRecords(store)
    finally:
        await store.close()
