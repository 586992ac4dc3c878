"""Passwords for a test, beside the real ones."""

import time

import pytest

from pi_server.auth.passwords import LONGEST_PASSWORD, Argon2Passwords
from pi_server.domain.faults import InvalidInput
from pi_server.security import Passwords, Verdict
from pi_server.testing import FakePasswords


async def _answers(passwords: Passwords) -> list[Verdict]:
    hashed = await passwords.hash("right")
    assert "right" not in hashed
    asked = [(hashed, "right"), (hashed, "wrong"), (None, "right"), ("no hash", "right"), (hashed, "x" * 5000)]
    return [await passwords.verify(known, password) for known, password in asked]


async def test_they_answer_as_the_real_ones() -> None:
    """Right and wrong, somebody unknown, a text that is no hash, and a password that is too long."""
    real = Argon2Passwords()
    try:
        assert await _answers(FakePasswords()) == await _answers(real)
        for passwords in (FakePasswords(), real):
            await passwords.hash("x" * LONGEST_PASSWORD)
            with pytest.raises(InvalidInput):
                await passwords.hash("x" * (LONGEST_PASSWORD + 1))
    finally:
        real.close()


async def test_a_weak_hash_is_right_and_to_be_replaced() -> None:
    """For the operation that replaces it; a wrong password asks for nothing."""
    passwords = FakePasswords()
    weak = passwords.weak_hash("right")
    assert await passwords.verify(weak, "right") == Verdict(right=True, rehash=True)
    assert await passwords.verify(weak, "wrong") == Verdict(right=False)


async def test_they_cost_no_time() -> None:
    """A thousand of them in less than ten real ones take."""
    fake, real = FakePasswords(), Argon2Passwords()
    begun = time.process_time()
    for _ in range(10):
        await real.hash("right")
    between = time.process_time()
    for _ in range(1000):
        await fake.verify(await fake.hash("right"), "right")
    assert time.process_time() - between < between - begun
    real.close()
