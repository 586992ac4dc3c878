"""Tokens for a test."""

import pytest

from pi_server.domain.call import Call
from pi_server.domain.faults import Unauthenticated
from pi_server.testing import FakeClock, FakeIssuer


async def test_a_token_is_its_users_until_it_ends() -> None:
    """Its call has name, kind and scopes; revoked it has none, and another token of the user has."""
    issuer = FakeIssuer()
    token, other = issuer.issue("ann", scopes=["read", "write"]), issuer.issue("ann", claims={"plan": "free"})
    consumer = issuer.call(token).consumer
    assert (consumer.name, consumer.kind, consumer.scopes) == ("ann", "jwt", frozenset({"read", "write"}))
    assert issuer.call(token).correlation_id != issuer.call(token).correlation_id
    await issuer.revoke(token)
    with pytest.raises(Unauthenticated):
        issuer.call(token)
    assert issuer.call(other).consumer.name == "ann"
    await issuer.revoke("no token at all")


async def test_whoever_signs_out_ends_the_token_of_the_call() -> None:
    """That one alone; a call without a token ends nothing."""
    issuer = FakeIssuer()
    token, other = issuer.issue("ann"), issuer.issue("ann")
    await issuer.close(issuer.call(token))
    await issuer.close(Call())
    with pytest.raises(Unauthenticated):
        issuer.call(token)
    assert issuer.call(other).consumer.name == "ann"


def test_a_token_lasts_as_long_as_it_says() -> None:
    """And half a minute more, because clocks differ."""
    clock = FakeClock()
    issuer = FakeIssuer(clock.wall)
    token = issuer.issue("ann")
    clock.advance(issuer.lifetime - 1)
    assert issuer.call(token).consumer.name == "ann"
    clock.advance(32)
    with pytest.raises(Unauthenticated):
        issuer.call(token)


def test_what_the_server_refuses_is_refused() -> None:
    """A claim of the server's own, an empty name, a scope of two words, a claim that is no JSON, another's token."""
    issuer = FakeIssuer()
    with pytest.raises(ValueError, match="the server's own: exp"):
        issuer.issue("ann", claims={"exp": 0})
    with pytest.raises(ValueError, match="empty"):
        issuer.issue("")
    with pytest.raises(ValueError, match="scope"):
        issuer.issue("ann", scopes=["two words"])
    with pytest.raises(TypeError):
        issuer.issue("ann", claims={"x": object()})
    for token in (FakeIssuer().issue("ann"), "no token"):
        with pytest.raises(Unauthenticated):
            issuer.call(token)
