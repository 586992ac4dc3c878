"""Sessions for a test."""

import pytest

from pi_server import Call
from pi_server.domain.faults import Unauthenticated
from pi_server.testing import FakeClock, FakeSessions


async def test_a_session_is_its_calls(call: Call) -> None:
    """It is current in the call that opened it, in one made for it, and in no other."""
    sessions = FakeSessions()
    session = await sessions.open(call, "ann", data={"cart": [1, 2]}, scopes=["read"])
    shown = sessions.call(session)
    assert await sessions.current(call) == await sessions.current(shown) == session
    assert await sessions.current(Call()) is None
    assert (session.user, dict(session.data), session.scopes) == ("ann", {"cart": [1, 2]}, frozenset({"read"}))
    assert shown.consumer.sign_in == session.id
    assert (shown.consumer.name, shown.consumer.kind, shown.consumer.may("read")) == ("ann", "session", True)
    assert shown.correlation_id != call.correlation_id


async def test_several_people_are_signed_in(call: Call) -> None:
    """A call is of the one asked for, or of whoever signed in last; nobody's is refused, as by the chain."""
    sessions = FakeSessions()
    with pytest.raises(Unauthenticated):
        sessions.call()
    ann, bob = await sessions.open(call, "ann"), await sessions.open(Call(), "bob")
    assert sessions.living == [ann, bob]
    assert sessions.call().consumer.name == "bob"
    assert sessions.call(ann).consumer.name == "ann"


async def test_signing_in_again_is_another_session(call: Call) -> None:
    """The one the call came with ends."""
    sessions = FakeSessions()
    first = await sessions.open(call, "ann")
    second = await sessions.open(sessions.call(first), "ann")
    assert sessions.living == [second]
    assert first.id != second.id
    with pytest.raises(Unauthenticated):
        sessions.call(first)


async def test_data_is_changed_in_one_session(call: Call) -> None:
    """All of it, under the same id; without a session there is nothing to change."""
    sessions = FakeSessions()
    session = await sessions.open(call, "ann", data={"a": 1})
    changed = await sessions.change(sessions.call(), {"b": (1, 2)})
    assert (changed.id, dict(changed.data)) == (session.id, {"b": [1, 2]})
    assert sessions.living == [changed]
    with pytest.raises(Unauthenticated):
        await sessions.change(Call(), {})


async def test_sessions_end(call: Call) -> None:
    """By signing out, with all of their user's, or by themselves after twelve hours."""
    clock = FakeClock()
    sessions = FakeSessions(clock.wall)
    for user in ("ann", "ann", "bob", "carl"):
        await sessions.open(Call(), user)
    await sessions.close(sessions.call())
    assert [session.user for session in sessions.living] == ["ann", "ann", "bob"]
    await sessions.end(sessions.living[0].id)
    assert [session.user for session in sessions.living] == ["ann", "bob"]
    await sessions.close_all("ann")
    (bob,) = sessions.living
    shown = sessions.call(bob)
    clock.advance(12 * 3600 + 1)
    assert await sessions.current(shown) is None
    assert sessions.living == []
    await sessions.close(call)


async def test_what_the_server_refuses_is_refused(call: Call) -> None:
    """No name, data that is no JSON, and more than fits into a cookie; whoever was signed in stays it."""
    sessions = FakeSessions()
    ann = await sessions.open(call, "ann", data={"x": "y" * 2500})
    with pytest.raises(ValueError, match="empty"):
        await sessions.open(call, "")
    with pytest.raises(TypeError):
        await sessions.open(call, "bob", data={"x": object()})
    with pytest.raises(ValueError, match="too large"):
        await sessions.open(call, "bob", data={"x": "y" * 2800})
    with pytest.raises(ValueError, match="too large"):
        await sessions.change(call, {"x": "y" * 2800})
    assert sessions.living == [ann]
