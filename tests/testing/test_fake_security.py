"""What guards people's data, for a test."""

from pi_server import Call
from pi_server.security import Allowance
from pi_server.testing.security import Audited, FakeAttempts, FakeAudit, FakeSealer


def test_what_is_sealed_opens() -> None:
    """As fresh, unless an older key sealed it; anything else is nothing."""
    sealer = FakeSealer()
    sealed = sealer.seal(b"\0a secret")
    for text, fresh in ((sealed, True), (sealer.older(sealed), False)):
        opened = sealer.unseal(text)
        assert opened is not None
        assert (opened.plain, opened.fresh) == (b"\0a secret", fresh)
    assert [sealer.unseal(text) for text in ("", "fake", "fake.a", "other." + sealed)] == [None] * 4


async def test_attempts_are_counted() -> None:
    """As the server counts them."""
    attempts = FakeAttempts(Allowance(2))
    assert [await attempts.begin("ann") for _ in range(3)] == [True, True, False]
    await attempts.forget("ann")
    assert await attempts.begin("ann")


def test_access_is_told(call: Call) -> None:
    """With whose records, and which fields."""
    audit = FakeAudit()
    audit.record(call, "read", whose="ann", records=["r1"], fields=["note"])
    assert audit.told == [Audited("", "read", "ann", ("r1",), ("note",))]
