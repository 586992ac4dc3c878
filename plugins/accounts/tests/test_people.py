"""Who proves to have an account, asked without a server."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

import pytest
from pydantic import SecretStr

from pi_accounts.faults import InvalidEmail, InvalidPassword, TooManySignIns, WrongSignIn
from pi_accounts.model import Account
from pi_accounts.people import People
from pi_accounts.sources import Uncounted, network
from pi_server import Call, Consumer, Fault
from pi_server.data import Collection, Index, StoreUnavailable, where
from pi_server.security import Allowance, Verdict
from pi_server.testing import FakePasswords, memory_collection
from pi_server.testing.security import FakeAttempts

EMAIL = "ann@example.com"
RIGHT = SecretStr("correct horse battery staple")
WRONG = SecretStr("another horse battery staple")


@dataclass
class Watched(FakePasswords):
    """Remembers which hashes it was asked about, and takes a moment."""

    asked: list[str | None] = field(default_factory=list[str | None])
    hashed: int = 0
    fault: Fault | None = None

    async def hash(self, password: str) -> str:
        """Count it."""
        self.hashed += 1
        return await super().hash(password)

    async def verify(self, hashed: str | None, password: str) -> Verdict:
        """Keep what was asked."""
        await asyncio.sleep(0.001)
        if self.fault:
            raise self.fault
        self.asked.append(hashed)
        return await super().verify(hashed, password)

    @property
    def reached(self) -> int:
        """How many guesses were compared with somebody's hash."""
        return sum(hashed is not None for hashed in self.asked)


@pytest.fixture
def passwords() -> Watched:
    """Nothing was asked yet."""
    return Watched()


@pytest.fixture
def accounts() -> Collection[Account]:
    """Nobody has an account."""
    return memory_collection(Account, Index("email", unique=True))


@pytest.fixture
async def people(accounts: Collection[Account], passwords: Watched) -> People:
    """Ann has an account."""
    by_source = FakeAttempts(Allowance(20, longest=900, stop=None))
    found = People(accounts, passwords, FakeAttempts(), FakeAttempts(), by_source)
    await found.sign_up(" Ann@Example.com ", RIGHT)
    return found


def call(source: str = "10.0.0.1", user: str = "") -> Call:
    """A call from an address, by nobody or by somebody."""
    return Call(source=source, consumer=Consumer(user, kind="session") if user else Consumer())


async def _refused(
    people: People, password: SecretStr = WRONG, *, email: str = EMAIL, source: str = "10.0.0.1"
) -> bool:
    try:
        await people.prove(call(source), email, password)
    except WrongSignIn:
        return True
    return False


async def test_who_knows_the_password_is_the_one(people: People) -> None:
    """However the address is written."""
    assert (await people.prove(call(), "ANN@example.com", RIGHT)).value.email == EMAIL
    for email, password in ((EMAIL, WRONG), ("bob@example.com", RIGHT), ("no address", RIGHT)):
        assert await _refused(people, password, email=email)


async def test_an_account_is_made_once(people: People, accounts: Collection[Account], passwords: Watched) -> None:
    """The second one is told nothing, takes as long, and changes nothing; what is wrong is told before."""
    await people.sign_up(EMAIL, SecretStr("quite another password"))
    assert (await accounts.count(), passwords.hashed) == (1, 2)
    assert await _refused(people, SecretStr("quite another password"))
    with pytest.raises(InvalidEmail):
        await people.sign_up("ann", RIGHT)
    with pytest.raises(InvalidPassword, match="at least 15"):
        await people.sign_up("bob@example.com", SecretStr("short"))
    assert await accounts.count() == 1


async def test_of_many_guesses_at_once_five_reach_the_hash(people: People, passwords: Watched) -> None:
    """A hundred on each of eight workers, from as many addresses; the others are verified against nobody's."""
    guesses = (_refused(people, source=f"10.1.{worker}.{n}") for worker in range(8) for n in range(100))
    assert all(await asyncio.gather(*guesses))
    assert passwords.reached == 5
    assert len(passwords.asked) == 800


async def test_after_five_failures_the_right_password_is_refused_too(people: People, passwords: Watched) -> None:
    """With the same work: nobody learns that it was right."""
    for n in range(5):
        assert await _refused(people, source=f"10.0.0.{n}")
    assert await _refused(people, RIGHT, source="10.0.1.1")
    assert passwords.asked[-1] is None
    assert passwords.reached == 5


async def test_success_forgets_the_failures_of_its_account_only(people: People) -> None:
    """Those of its address of the network stay, or whoever has an account could guess at others without end."""
    for _ in range(4):
        for _ in range(4):
            assert await _refused(people)
        await people.prove(call(), EMAIL, RIGHT)
    for n in range(4):
        assert await _refused(people, email=f"other{n}@example.com")
    with pytest.raises(TooManySignIns) as told:
        await people.prove(call(), EMAIL, RIGHT)
    assert told.value.headers == {"Retry-After": "900"}
    await people.prove(call("10.0.0.2"), EMAIL, RIGHT)


async def test_behind_a_proxy_sources_are_not_counted(people: People) -> None:
    """Everybody has the same address there; accounts are counted as ever."""
    people = replace(people, by_source=Uncounted())
    for n in range(40):
        assert await _refused(people, email=f"other{n}@example.com")
    for _ in range(5):
        assert await _refused(people)
    assert await _refused(people, RIGHT)


@pytest.mark.parametrize(
    ("source", "counted"),
    [
        ("10.0.0.7", "10.0.0.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8:0:0:ffff::2", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("", ""),
    ],
)
def test_a_household_is_counted_as_one(source: str, counted: str) -> None:
    """Whoever has 64 bits of addresses for itself has no more guesses for it."""
    assert network(source) == counted


async def test_what_was_nobodys_guess_does_not_count(people: People, passwords: Watched) -> None:
    """A store that is away, or too many hashes at once."""
    passwords.fault = StoreUnavailable("away")
    for _ in range(50):
        with pytest.raises(StoreUnavailable):
            await people.prove(call(), EMAIL, RIGHT)
    passwords.fault = None
    await people.prove(call(), EMAIL, RIGHT)


async def test_a_weak_hash_is_replaced_at_the_sign_in(people: People, accounts: Collection[Account]) -> None:
    """Only then is the password here."""
    found = await accounts.first(where("email").eq(EMAIL))
    assert found is not None
    weak = FakePasswords.weak_hash(RIGHT.get_secret_value())
    await accounts.replace(found, found.value.model_copy(update={"password": weak}))
    proved = await people.prove(call(), EMAIL, RIGHT)
    assert proved.value.password == await FakePasswords().hash(RIGHT.get_secret_value())
    assert await accounts.get(found.id) == proved


async def test_whoever_guesses_at_the_sign_in_does_not_bind_the_owner(people: People) -> None:
    """Somebody signed in changes the password while the account rests, which then can be signed in to again."""
    found = await people.prove(call(), EMAIL, RIGHT)
    for n in range(6):
        assert await _refused(people, source=f"10.0.0.{n}")
    owner = call("10.0.2.1", found.id)
    await people.change_password(await people.prove_again(owner, RIGHT), SecretStr("a long walk along the sea"))
    await people.prove(call("10.0.2.1"), EMAIL, SecretStr("a long walk along the sea"))


async def test_a_session_is_not_enough_to_guess_the_password(people: People, passwords: Watched) -> None:
    """Five times, then the right one is refused too; somebody whose account is gone is nobody."""
    found = await people.prove(call(), EMAIL, RIGHT)
    before = passwords.reached
    for n in range(10):
        with pytest.raises(WrongSignIn):
            await people.prove_again(call(f"10.0.0.{n}", found.id), WRONG)
    assert passwords.reached == before + 5
    with pytest.raises(WrongSignIn):
        await people.prove_again(call("10.0.3.1", found.id), RIGHT)
    with pytest.raises(WrongSignIn):
        await people.prove_again(call("10.0.3.1", "somebody who left"), RIGHT)


async def test_a_hash_that_cannot_be_replaced_now_waits(people: People, accounts: Collection[Account]) -> None:
    """Whoever knows the password is let in all the same."""
    found = await accounts.first(where("email").eq(EMAIL))
    assert found is not None
    weak = FakePasswords.weak_hash(RIGHT.get_secret_value())
    await accounts.replace(found, found.value.model_copy(update={"password": weak}))
    assert (await replace(people, passwords=Full()).prove(call(), EMAIL, RIGHT)).value.password == weak


class Full(FakePasswords):
    """Has no turn left to make a hash."""

    async def hash(self, password: str) -> str:
        """Refuse."""
        raise Fault("busy", 503)


async def test_whoever_is_let_in_has_the_password_of_today(people: People, accounts: Collection[Account]) -> None:
    """One that was changed between the proof and the entry is no proof any more, nor is an account that is gone."""
    found = await people.prove(call(), EMAIL, RIGHT)
    await people.check_same(found)
    changed = await people.change_password(found, SecretStr("a long walk along the sea"))
    await people.check_same(changed)
    with pytest.raises(WrongSignIn):
        await people.check_same(found)
    await accounts.delete(found.id)
    with pytest.raises(WrongSignIn):
        await people.check_same(changed)
