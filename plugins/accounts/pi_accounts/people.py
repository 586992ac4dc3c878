"""Who has an account, and who proves to be that one."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import SecretStr

from pi_accounts.faults import InvalidEmail, InvalidPassword, TooManySignIns, WrongSignIn
from pi_accounts.model import Account
from pi_accounts.policy import address, objection
from pi_accounts.sources import network
from pi_server import Call, Fault
from pi_server.data import Collection, DuplicateKey, Record, where, with_id
from pi_server.security import Attempts, Passwords, Verdict

Find = Callable[[], Awaitable[Record[Account] | None]]


@dataclass(frozen=True, slots=True)
class People:
    """The accounts.

    How often somebody may guess a password is bounded by address at the sign-in, by account for those signed in, and
    by the network's address for both.
    """

    accounts: Collection[Account]
    passwords: Passwords
    by_email: Attempts
    by_account: Attempts
    by_source: Attempts
    site_words: tuple[str, ...] = ()

    def faults(self, email: str, password: SecretStr) -> list[InvalidEmail | InvalidPassword]:
        """What is wrong with an address and its password, before anybody has them."""
        reason = objection(password.get_secret_value(), address(email) or email, self.site_words)
        wrong_email = [] if address(email) else [InvalidEmail()]
        return [*wrong_email, InvalidPassword(message=reason)] if reason else [*wrong_email]

    async def sign_up(self, email: str, password: SecretStr) -> None:
        """Make an account; where there is one already nothing happens, after the same time.

        Raises:
            InvalidEmail, InvalidPassword: the first of the `faults`.
        """
        for fault in self.faults(email, password):
            raise fault
        hashed = await self.passwords.hash(password.get_secret_value())
        try:
            await self.accounts.insert(
                Account(email=address(email) or email, password=hashed, created=datetime.now(UTC))
            )
        except DuplicateKey:
            return

    async def prove(self, call: Call, email: str, password: SecretStr) -> Record[Account]:
        """The account of an address whose password this is.

        Raises:
            WrongSignIn: it is not, or too many guesses failed for it.
            TooManySignIns: too many failed from the address of the network the call comes from.
        """
        name = address(email) or ""
        found = await self._proved(
            call, self.by_email, name, lambda: self.accounts.first(where("email").eq(name)), password
        )
        await self.by_email.forget(name)
        return found

    async def of(self, call: Call) -> Record[Account]:
        """The account of whoever calls; `WrongSignIn` if it was deleted in the meantime."""
        found = await self.accounts.first(with_id(call.consumer.name))
        if found is None:
            raise WrongSignIn
        return found

    async def prove_again(self, call: Call, password: SecretStr) -> Record[Account]:
        """The account of whoever calls, if this is its password: a session left open must not be enough for all.

        It has an allowance of its own: whoever guesses at the sign-in does not keep the owner from another password.

        Raises:
            WrongSignIn, TooManySignIns: as `prove`.
        """
        id_ = call.consumer.name
        found = await self._proved(call, self.by_account, id_, lambda: self.accounts.first(with_id(id_)), password)
        await self.by_account.forget(id_)
        return found

    async def _proved(self, call: Call, tries: Attempts, key: str, find: Find, password: SecretStr) -> Record[Account]:
        """What is found, if the password is right.

        Every refusal takes as long as another: a password is verified for nobody, and after too many failures, too;
        against a hash that no password has.
        """
        source = network(call.source)
        if not await self.by_source.begin(source):
            raise TooManySignIns
        granted = await tries.begin(key)
        try:
            found = await find()
            known = found.value.password if found and granted else None
            verdict = await self.passwords.verify(known, password.get_secret_value())
        except Fault:  # a store that is away, or too many hashes at once: nobody's guess
            await self.by_source.withdraw(source)
            if granted:
                await tries.withdraw(key)
            raise
        if found is None or not verdict.right:
            await self.by_source.failed(source)
            if granted:
                await tries.failed(key)
            raise WrongSignIn
        await self.by_source.withdraw(source)
        return await self._rehashed(found, verdict, password)

    async def check_same(self, account: Record[Account]) -> None:
        """Ask once somebody is let in: a password that was changed meanwhile has ended what was there before only.

        Raises:
            WrongSignIn: that was so.
        """
        found = await self.accounts.first(with_id(account.id))
        if found is None or found.value.password != account.value.password:
            raise WrongSignIn

    async def change_password(self, account: Record[Account], new: SecretStr) -> Record[Account]:
        """Put another password in the place of the old one.

        Raises:
            InvalidPassword: it cannot be this account's.
        """
        if reason := objection(new.get_secret_value(), account.value.email, self.site_words):
            raise InvalidPassword(message=reason)
        hashed = await self.passwords.hash(new.get_secret_value())
        changed = await self.accounts.replace(account, account.value.model_copy(update={"password": hashed}))
        await self.by_email.forget(account.value.email)  # what was guessed so far is worth nothing now
        return changed

    async def _rehashed(self, found: Record[Account], verdict: Verdict, password: SecretStr) -> Record[Account]:
        """The account with a hash of today's parameters: only now is the password here to be hashed."""
        if not verdict.rehash:
            return found
        try:
            hashed = await self.passwords.hash(password.get_secret_value())
            return await self.accounts.replace(found, found.value.model_copy(update={"password": hashed}))
        except Fault:  # it can wait for the next time
            return found
