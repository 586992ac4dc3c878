"""Passwords are hashed off the loop, a few at a time, and unknown users cost as much as known ones."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from pi_server.auth.passwords import LONGEST_PASSWORD, Argon2Passwords
from pi_server.domain.faults import Busy, InvalidInput
from pi_server.domain.security import Passwords, Verdict

WRONG = Verdict(right=False)


@pytest.fixture
def passwords() -> Iterator[Argon2Passwords]:
    """Passwords whose threads end with the test."""
    made = Argon2Passwords()
    yield made
    made.close()


class Gate(PasswordHasher):
    """Counts who hashes at once, and lets nobody finish before it is opened."""

    def __init__(self) -> None:
        super().__init__(1, 8, 1)
        self.open = threading.Event()
        self.now = self.most = 0
        self._counting = threading.Lock()

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        """Wait for the gate, then hash."""
        with self._counting:
            self.now += 1
            self.most = max(self.most, self.now)
        self.open.wait(10)
        with self._counting:
            self.now -= 1
        return super().hash(password, salt=salt)


async def test_the_right_password_is_right_and_others_are_not(passwords: Passwords) -> None:
    """Argon2id with 19 MiB, two passes, one lane; only the password that was hashed matches."""
    hashed = await passwords.hash("correct horse battery staple")
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await passwords.verify(hashed, "correct horse battery staple") == Verdict(right=True)
    for other in ("correct horse battery stapl", "", "correct horse battery staple ", "\ud800"):
        assert await passwords.verify(hashed, other) == WRONG


async def test_nobody_has_no_password(passwords: Passwords) -> None:
    """For an unknown user nothing is right, and it takes as long as for a known one."""
    hashed = await passwords.hash("correct horse")
    times: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(20):
        known = turn % 2 == 0
        start = time.process_time()  # the hashing thread's, but not that of other programs
        assert await passwords.verify(hashed if known else None, "battery staple") == WRONG
        times[known].append(time.process_time() - start)
    assert 0.5 < min(times[True]) / min(times[False]) < 2


async def test_weaker_hashes_are_to_be_replaced(passwords: Passwords) -> None:
    """A right password with a hash of other parameters is right, and asks for a new hash; a wrong one asks nothing."""
    weak = PasswordHasher(1, 8 * 1024, 1).hash("correct horse")
    assert await passwords.verify(weak, "correct horse") == Verdict(right=True, rehash=True)
    assert await passwords.verify(weak, "wrong") == WRONG


@pytest.mark.parametrize("hashed", ["", "x", "$argon2id$", "$argon2id$v=19$m=8,t=1,p=1$$", "$2b$12$abcdefgh", "ü" * 60])
async def test_what_is_no_hash_matches_nothing(passwords: Passwords, hashed: str) -> None:
    """A damaged record is a wrong password, not a failure."""
    assert await passwords.verify(hashed, "correct horse") == WRONG


async def test_the_same_letters_are_the_same_password(passwords: Passwords) -> None:
    """Composed and decomposed letters match, for keyboards differ in what they send."""
    assert (await passwords.verify(await passwords.hash("Gr\u00fc\u00dfe"), "Gru\u0308\u00dfe")).right


async def test_a_password_is_never_cut(passwords: Passwords) -> None:
    """All bytes up to 4,096 count; beyond it nothing is hashed, and nothing is right."""
    longest = "x" * LONGEST_PASSWORD
    hashed = await passwords.hash(longest)
    assert (await passwords.verify(hashed, longest)).right
    assert await passwords.verify(hashed, f"{longest[:-1]}y") == WRONG
    for refused in (f"{longest}x", "ü" * 2049, "\ud800"):
        assert await passwords.verify(hashed, refused) == WRONG
        with pytest.raises(InvalidInput):
            await passwords.hash(refused)


async def test_few_are_hashed_at_once_and_the_rest_wait_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two work, those that wait too long are told `Busy`, and the loop runs on all the while."""
    passwords, gate = Argon2Passwords(at_once=2, patience=0.2), Gate()
    monkeypatch.setattr(passwords, "_hasher", gate)
    calls = [asyncio.create_task(passwords.hash("correct horse")) for _ in range(6)]
    longest = await _longest_pause(lambda: sum(call.done() for call in calls) == 4)
    gate.open.set()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    passwords.close()
    assert [type(answer) for answer in answers] == [str, str, Busy, Busy, Busy, Busy]
    assert gate.most == 2
    assert longest < 5  # held up by a hash, it is the ten seconds of the gate


async def test_a_call_that_goes_away_keeps_its_place_until_its_hash_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancelled calls do not let others begin beside the hashes that still run; afterwards all places are free."""
    passwords, gate = Argon2Passwords(at_once=2, patience=0.2), Gate()
    monkeypatch.setattr(passwords, "_hasher", gate)
    gone = [asyncio.create_task(passwords.hash("correct horse")) for _ in range(2)]
    while gate.now < 2:
        await asyncio.sleep(0.01)
    for call in gone:
        call.cancel()
    with pytest.raises(Busy):
        await passwords.hash("correct horse")
    gate.open.set()
    await asyncio.gather(*(passwords.hash("correct horse") for _ in range(4)))
    passwords.close()
    assert gate.most == 2


async def test_hashes_can_be_read_by_argon2_itself(passwords: Passwords) -> None:
    """Nothing of our own is in a hash: another program with Argon2 can take the users over."""
    hashed = await passwords.hash("correct horse")
    assert PasswordHasher().verify(hashed, "correct horse")
    with pytest.raises(VerifyMismatchError):
        PasswordHasher().verify(hashed, "wrong")


async def _longest_pause(ready: Callable[[], bool]) -> float:
    """How long the loop did not come to its turn, at most, until something is ready."""
    longest = 0.0
    while not ready():
        start = time.perf_counter()
        await asyncio.sleep(0.005)
        longest = max(longest, time.perf_counter() - start)
    return longest
