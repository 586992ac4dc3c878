"""Signing up, in and out for programs: JSON in, JSON out."""

from pi_accounts.desk import Desk
from pi_accounts.faults import InvalidEmail, Unsignable, WrongSignIn
from pi_accounts.model import (
    Account,
    Confirmation,
    Credentials,
    Issued,
    OpenSession,
    OpenSessions,
    PasswordChange,
    SignedIn,
    Told,
)
from pi_accounts.policy import address
from pi_server import Call, Reply, delete, get, post
from pi_server.data import Filter, NotFound, Order, Record, where, with_id

WELCOME = "If this address had no account, it has one now. Sign in with it."


class AccountOperations(Desk):
    """What somebody does with an account.

    A program that signs in gets a token, and no session; a browser that signs in on the page gets a session, and no
    token.  A chain takes one credential at a time, so whichever comes second takes the place of the first.
    """

    @post("/signup", public=True, chain="public", status=202)
    async def sign_up(self, call: Call, person: Credentials) -> Told:
        """Sign up with an e-mail address; the answer does not tell whether it had an account before."""
        await self.people.sign_up(person.email, person.password)
        return Told(message=WELCOME)

    @post("/signin", public=True, chain="public")
    async def sign_in(self, call: Call, person: Credentials) -> Reply[Issued]:
        """Sign in: a token for 15 minutes, in the answer and in the cookie `token`."""
        if address(person.email) is None:
            raise InvalidEmail
        return await self._issued(call, await self.people.prove(call, person.email, person.password))

    @post("/signout")
    async def sign_out(self, call: Call) -> Reply[None]:
        """Sign out: the session or token of this call is good for nothing any more."""
        await self._leave(call)
        return self._without_token()

    @post("/password")
    async def change_password(self, call: Call, change: PasswordChange) -> Reply[Issued]:
        """Change the password: all sessions and tokens end, and the answer has a new token."""
        return await self._issued(call, await self._changed(call, change))

    @post("/delete")
    async def delete_account(self, call: Call, confirmation: Confirmation) -> Reply[None]:
        """Delete the account with all its records, sessions and tokens."""
        await self._delete(call, confirmation)
        return self._without_token()

    @get("/sessions")
    async def list_sessions(self, call: Call) -> OpenSessions:
        """List the browsers somebody is signed in with."""
        latest = Order("opened", descending=True)
        found = await self.signed_in.find(_of(call), order=latest, limit=100)
        return OpenSessions(sessions=[_shown(call, one) for one in found.items])

    @delete("/sessions/{session_id}")
    async def end_session(self, call: Call, session_id: str) -> None:
        """End one session of one's own."""
        if not await self.signed_in.count(_of(call) & with_id(session_id)):
            raise NotFound
        await self.sessions.end(session_id)
        await self.signed_in.delete_where(_of(call) & with_id(session_id))

    @delete("/sessions")
    async def end_sessions(self, call: Call) -> Reply[None]:
        """End all sessions and tokens, this one too."""
        await self._end_all(call)
        return self._without_token()

    async def _issued(self, call: Call, account: Record[Account]) -> Reply[Issued]:
        """A token in the place of a session that the browser may have."""
        await self._leave(call)
        try:
            token = self.issuer.issue(account.id, claims={"Username": account.value.email})
        except ValueError as error:
            raise Unsignable(reason=str(error)) from error
        await self.people.check_same(account)
        return Reply(Issued(Token=token), headers={"Set-Cookie": self.issuer.cookie(token)})

    async def _entered(self, call: Call, account: Record[Account]) -> None:
        """A session in the place of a token."""
        await self.issuer.close(call)
        session = await self.sessions.open(call, account.id, data={"email": account.value.email})
        known = SignedIn(account=account.id, opened=session.opened, expires=session.expires, source=call.source)
        await self.signed_in.insert(known, id=session.id, expires=session.expires)
        try:
            await self.people.check_same(account)
        except WrongSignIn:
            await self._leave(call)
            raise

    async def _leave(self, call: Call) -> None:
        """Sign out of whatever the call came with."""
        session = await self.sessions.current(call)
        await self.sessions.close(call)
        await self.issuer.close(call)
        if session:
            await self.signed_in.delete_where(with_id(session.id))

    async def _changed(self, call: Call, change: PasswordChange) -> Record[Account]:
        """The account with its new password, signed out everywhere."""
        account = await self.people.prove_again(call, change.current)
        changed = await self.people.change_password(account, change.new)
        await self._end_all(call)
        return changed

    async def _end_all(self, call: Call) -> None:
        await self.sessions.close_all(call.consumer.name)
        await self.sessions.close(call)
        await self.signed_in.delete_where(_of(call))

    async def _delete(self, call: Call, confirmation: Confirmation) -> None:
        """Forget everything of somebody; the account in the middle, so that whatever fails can be asked for again.

        A record that was being added at the same moment is found the second time, or finds its account gone.
        """
        account = await self.people.prove_again(call, confirmation.password)
        await self.records.remove_all(call)
        await self.accounts.delete(account.id)
        await self.records.remove_all(call)
        await self._end_all(call)

    def _without_token(self) -> Reply[None]:
        """Nothing to say, and no token in the browser any more."""
        return Reply(None, status=204, headers={"Set-Cookie": self.issuer.cookie("")})


def _of(call: Call) -> Filter:
    return where("account").eq(call.consumer.name)


def _shown(call: Call, record: Record[SignedIn]) -> OpenSession:
    one = record.value
    return OpenSession(
        id=record.id,
        opened=one.opened,
        expires=one.expires,
        source=one.source,
        this=record.id == call.consumer.sign_in,
    )
