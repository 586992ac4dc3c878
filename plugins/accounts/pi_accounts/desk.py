"""What all operations of the plugin stand on: the fields that the server fills."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from functools import cached_property
from typing import Annotated

from pi_accounts.faults import source_ids
from pi_accounts.model import Account, SignedIn
from pi_accounts.people import People
from pi_accounts.records import Kept, Records
from pi_accounts.sources import Uncounted
from pi_server import Service
from pi_server.data import Collection, Index
from pi_server.security import Allowance, Attempts, Audit, Passwords, Sealer, Sessions, TokenIssuer


class Desk(Service):
    """The fields, and what is made of them.

    ``site_words`` are words by which everybody knows this site: no password is mainly made of them.
    ``count_sources`` says that failures are counted by address of the network, too; behind a proxy all have its own.
    """

    middlewares = (source_ids,)
    site_words: tuple[str, ...] = ()
    count_sources: bool = True
    accounts: Annotated[Collection[Account], Index("email", unique=True)]
    signed_in: Annotated[Collection[SignedIn], Index("account", "opened")]
    kept: Annotated[Collection[Kept], Index("owner", "taken")]
    by_email: Annotated[Attempts, Allowance(5)]
    by_account: Annotated[Attempts, Allowance(5)]
    by_source: Annotated[Attempts, Allowance(20, longest=900, stop=None)]
    passwords: Passwords
    sessions: Sessions
    issuer: TokenIssuer
    sealer: Sealer
    audit: Audit

    @cached_property
    def people(self) -> People:
        """Who has an account."""
        by_source = self.by_source if self.count_sources else Uncounted()
        return People(self.accounts, self.passwords, self.by_email, self.by_account, by_source, self.site_words)

    @cached_property
    def records(self) -> Records:
        """What they keep."""
        return Records(self.kept, self.sealer, self.audit)

    @asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[None]:
        """Beside serving, seal anew what an older secret sealed."""
        sweeping = asyncio.create_task(self.records.keep_fresh())
        try:
            yield
        finally:
            sweeping.cancel()
            with suppress(asyncio.CancelledError):
                await sweeping
