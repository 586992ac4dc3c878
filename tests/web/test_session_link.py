"""Sessions over HTTP: the cookie, its lifetimes, the end of a session, and what is no session."""

import asyncio
import logging
import random
import warnings
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

import aiohttp_session
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request

from pi_server.auth.keyring import KeyRing
from pi_server.domain.security import Opened
from pi_server.stores.memory_keys import MemoryKeys
from pi_server.web.sessions.storage import LARGEST_COOKIE
from tests.parts.waiting import until
from tests.web.signing import NEW, OLD, Worker, setting, worker

Keep = Literal["cookie", "server"]
both = pytest.mark.parametrize("keep", ["cookie", "server"])


@both
async def test_a_session_lasts_from_sign_in_to_sign_out(keep: Keep) -> None:
    """Signed in, the consumer is the session's user; signed out, the cookie is removed and nobody is."""
    async with worker(setting(keep=keep)) as portal:
        cookie = await portal.sign_in("ann")
        me = await portal.ask("GET", "/portal/me", cookie=cookie)
        assert (me.data["user"], me.data["consumer"], me.data["kind"], me.data["realm"]) == (
            "ann",
            "ann",
            "session",
            "portal",
        )
        assert not me.cookies
        out = await portal.ask("POST", "/portal/sign-out", cookie=cookie, json={})
        assert (out.cookies["pi-session"].value, out.cookies["pi-session"]["max-age"]) == ("", "0")
        assert (out.cookies["pi-session-csrf"].value, out.cookies["pi-session-csrf"]["max-age"]) == ("", "0")


@both
async def test_a_copied_cookie_is_worth_nothing_after_the_sign_out(keep: Keep) -> None:
    """Replay after logout: refused here at once, and on another worker within a second."""
    of = setting(keep=keep)
    async with worker(of) as one, worker(of) as two:
        cookie = await one.sign_in()
        assert (await two.ask("GET", "/portal/me", cookie=cookie)).status == 200
        await one.ask("POST", "/portal/sign-out", cookie=cookie, json={})
        assert (await one.ask("GET", "/portal/me", cookie=cookie)).status == 401
        await _refused_soon(two, cookie)


@both
async def test_all_sessions_of_a_user_end_on_all_workers(keep: Keep) -> None:
    """`close_all` ends two sessions of one user, also within the call itself, and nobody else's; a new one is good."""
    of = setting(keep=keep)
    async with worker(of) as one, worker(of) as two:
        first, second, other = [await one.sign_in(user) for user in ("ann", "ann", "bob")]
        told = await one.ask("POST", "/portal/sign-out-everywhere", cookie=first, json={"user": "ann"})
        assert told.data == "nobody"
        await _refused_soon(two, first)
        assert (await two.ask("GET", "/portal/me", cookie=second)).status == 401
        assert (await two.ask("GET", "/portal/me", cookie=other)).status == 200
        of.clock.advance(0.001)
        assert (await two.ask("GET", "/portal/me", cookie=await one.sign_in("ann"))).status == 200


@both
async def test_one_session_of_several_is_ended_by_its_id(keep: Keep) -> None:
    """From another one, which lives on; the id is also what a call's consumer is known by."""
    of = setting(keep=keep)
    async with worker(of) as one, worker(of) as two:
        first, second = [await one.sign_in("ann") for _ in range(2)]
        id_ = (await one.ask("GET", "/portal/me", cookie=first)).data["id"]
        await one.ask("POST", "/portal/sign-out-of", cookie=second, json={"session": id_})
        assert (await one.ask("GET", "/portal/me", cookie=first)).status == 401
        await _refused_soon(two, first)
        assert (await two.ask("GET", "/portal/me", cookie=second)).status == 200


@both
async def test_signing_in_gives_a_new_id_and_ends_the_old_session(keep: Keep) -> None:
    """Fixation: a session known before the sign-in is not the one after it, and is no session any more."""
    async with worker(setting(keep=keep)) as portal:
        planted = await portal.sign_in("mallory")
        before = await portal.ask("GET", "/portal/me", cookie=planted)
        after = await portal.ask("POST", "/portal/sign-in", cookie=planted, json={"user": "ann"})
        assert after.data != before.data["id"]
        assert (await portal.ask("GET", "/portal/me", cookie=planted)).status == 401


@both
async def test_a_session_is_nothing_in_another_realm(keep: Keep) -> None:
    """Neither as a credential nor to the other service, which can neither change nor close it."""
    async with worker(setting(keep=keep)) as portal:
        cookie = await portal.sign_in()
        assert (await portal.ask("GET", "/other/me", cookie=cookie)).status == 401
        assert (await portal.ask("GET", "/other/anybody", cookie=cookie)).data == "nobody"
        assert (await portal.ask("POST", "/other/note", cookie=cookie, json={"note": "x"})).status == 401
        assert not (await portal.ask("POST", "/other/sign-out", cookie=cookie, json={})).cookies
        assert (await portal.ask("GET", "/portal/me", cookie=cookie)).status == 200


@both
async def test_an_idle_session_ends(keep: Keep) -> None:
    """Used every 20 minutes it goes on (on renewed cookies, if they keep the clock); after 31 idle ones it is over."""
    of = setting(keep=keep)
    async with worker(of) as portal:
        cookie = await portal.sign_in()
        for _ in range(4):
            of.clock.advance(1200)
            me = await portal.ask("GET", "/portal/me", cookie=cookie)
            assert me.status == 200
            assert ("pi-session" in me.cookies) == (keep == "cookie")
            cookie = f"pi-session={me.cookies['pi-session'].value}" if me.cookies else cookie
        of.clock.advance(1860)
        assert (await portal.ask("GET", "/portal/me", cookie=cookie)).status == 401


@both
async def test_a_session_ends_however_much_it_is_used(keep: Keep) -> None:
    """The absolute lifetime counts from the sign-in; neither use nor change moves it."""
    of = setting(keep=keep, idle=3000, lifetime=4000)
    async with worker(of) as portal:
        cookie = await portal.sign_in()
        of.clock.advance(2000)
        changed = await portal.ask("POST", "/portal/note", cookie=cookie, json={"note": "x"})
        cookie = f"pi-session={changed.cookies['pi-session'].value}"
        of.clock.advance(1999)
        assert (await portal.ask("GET", "/portal/me", cookie=cookie)).status == 200
        of.clock.advance(2)
        assert (await portal.ask("GET", "/portal/me", cookie=cookie)).status == 401


async def test_a_minute_of_use_sets_no_cookie() -> None:
    """The idle clock is moved once a minute at most."""
    of = setting()
    async with worker(of) as portal:
        cookie = await portal.sign_in()
        of.clock.advance(59)
        assert not (await portal.ask("GET", "/portal/me", cookie=cookie)).cookies
        of.clock.advance(2)
        assert set((await portal.ask("GET", "/portal/me", cookie=cookie)).cookies) == {"pi-session", "pi-session-csrf"}


@both
async def test_data_is_replaced_as_a_whole(keep: Keep) -> None:
    """What `change` was given is what the next call finds; the id stays."""
    async with worker(setting(keep=keep)) as portal:
        cookie = await portal.sign_in()
        changed = await portal.ask("POST", "/portal/note", cookie=cookie, json={"note": "nötig 🙂"})
        me = await portal.ask("GET", "/portal/me", cookie=f"pi-session={changed.cookies['pi-session'].value}")
        assert (me.data["data"], me.data["id"]) == ({"note": "nötig 🙂"}, changed.data)


@both
async def test_keys_rotate_silently(keep: Keep) -> None:
    """What an older key sealed is good, and sealed anew on the answer; then the old key may go."""
    of = setting(keep=keep)
    async with worker(of) as before:
        cookie = await before.sign_in()
    async with worker(replace(of, secrets=(NEW, OLD))) as rotating:
        me = await rotating.ask("GET", "/portal/me", cookie=cookie)
        assert me.status == 200
        renewed = f"pi-session={me.cookies['pi-session'].value}"
        assert not (await rotating.ask("GET", "/portal/me", cookie=renewed)).cookies
    async with worker(replace(of, secrets=(NEW,))) as after:
        assert (await after.ask("GET", "/portal/me", cookie=renewed)).status == 200
        assert (await after.ask("GET", "/portal/me", cookie=cookie)).status == 401


@both
async def test_a_session_that_is_too_large_is_an_error(keep: Keep, caplog: pytest.LogCaptureFixture) -> None:
    """No cookie is cut, dropped or replaced: the call fails, the log says why, the old session stays."""
    async with worker(setting(keep=keep)) as portal:
        cookie = await portal.sign_in()
        fits = await portal.ask("POST", "/portal/note", cookie=cookie, json={"note": "x" * 2000})
        assert len(fits.cookies["pi-session"].value) <= LARGEST_COOKIE
        large = {"note": "x" * (3000 if keep == "cookie" else 70_000)}
        for path, body in (("note", large), ("sign-in", {"user": "ann", **large})):
            failed = await portal.ask("POST", f"/portal/{path}", cookie=cookie, json=body)
            assert (failed.status, set(failed.cookies)) == (500, set())
        assert (await portal.ask("GET", "/portal/me", cookie=cookie)).status == 200
    assert "is not kept" in caplog.text


async def test_the_cookie_has_the_flags_of_its_place() -> None:
    """Behind TLS `__Host-pi`, Secure; otherwise `pi-session`; always HttpOnly, SameSite, Path=/, no Domain."""
    for secure, name in ((True, "__Host-pi"), (False, "pi-session")):
        async with worker(setting(secure=secure, same_site="Strict")) as portal:
            answer = await portal.ask("POST", "/portal/sign-in", json={"user": "ann"})
            cookie, csrf = answer.cookies[name], answer.cookies[f"{name}-csrf"]
            assert answer.headers["Cache-Control"] == "no-store"
            assert (bool(cookie["secure"]), bool(cookie["httponly"]), cookie["samesite"]) == (secure, True, "Strict")
            assert (cookie["path"], cookie["domain"], cookie["max-age"], cookie["expires"]) == ("/", "", "", "")
            assert (bool(csrf["secure"]), bool(csrf["httponly"]), csrf["samesite"]) == (secure, False, "Strict")
            removed = await portal.ask("POST", "/portal/sign-out", cookie=f"{name}={cookie.value}", json={})
            assert bool(removed.cookies[name]["secure"]) is secure, "a browser ignores it otherwise"
    async with worker(setting(cookie="falcon-ng")) as portal:
        assert (await portal.sign_in()).startswith("falcon-ng=")


async def test_a_fault_after_sign_in_or_out_keeps_what_was_done() -> None:
    """The cookie is set on the answer that is sent, which recovery makes."""
    async with worker(setting()) as portal:
        failed = await portal.ask("POST", "/portal/sign-in", json={"user": "ann", "fails": True})
        assert failed.status == 409
        cookie = f"pi-session={failed.cookies['pi-session'].value}"
        assert (await portal.ask("GET", "/portal/me", cookie=cookie)).status == 200
        broken = await portal.ask("POST", "/portal/sign-out", cookie=cookie, json={"fails": True})
        assert (broken.status, broken.cookies["pi-session"].value) == (500, "")
        assert (await portal.ask("GET", "/portal/me", cookie=cookie)).status == 401


async def test_a_change_after_the_answer_has_begun_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """It cannot be kept in a cookie, the operator learns of it, and the answer is none the worse."""
    async with worker(setting()) as portal:
        cookie = await portal.sign_in()
        late = await portal.ask("POST", "/portal/late-note", cookie=cookie, json={"note": "x"})
        assert (late.status, set(late.cookies)) == (200, set())
    assert "POST /portal/late-note changed a session after its answer had begun" in caplog.text


class Counting:
    """A sealer that opens nothing, and remembers what it was asked to open."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def seal(self, plain: bytes, /) -> str:
        """Seal nothing."""
        return "sealed"

    def unseal(self, sealed: str, /) -> Opened | None:
        """Open nothing."""
        self.asked.append(sealed)
        return None


async def test_a_session_nobody_touches_is_not_opened() -> None:
    """No decryption and no Set-Cookie."""
    async with worker(setting()) as portal:
        sealer = Counting()
        portal.storage.rules = replace(portal.storage.rules, sealer=sealer)
        answer = await portal.ask("GET", "/portal/untouched", cookie="pi-session=x")
        assert (answer.status, set(answer.cookies), sealer.asked) == (200, set(), [])
        await portal.ask("GET", "/portal/anybody", cookie="pi-session=x")
        assert sealer.asked == ["x"]


@pytest.mark.parametrize(
    "shown",
    ["", '""', "x", "gAAAAA", "é" * 10, "A" * 7000, "=", "a b", "%00", "null", "[1]", "..", '"', "\\"],
)
async def test_a_bad_cookie_is_no_session(shown: str, caplog: pytest.LogCaptureFixture) -> None:
    """401, never 500, and not a line above debug."""
    async with worker(setting()) as portal:
        assert (await portal.ask("GET", "/portal/me", cookie=f"pi-session={shown}")).status == 401
        assert (await portal.ask("GET", "/portal/anybody", cookie=f"pi-session={shown}")).data == "nobody"
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


async def test_bytes_that_are_no_text_are_no_session() -> None:
    """A cookie of bytes that are no UTF-8 gets 401."""
    async with worker(setting()) as portal:
        for shown in (b"\xff\xfe", b"\x80" * 50, b'"\xc3"'):
            line = await portal.raw(b"GET /portal/me HTTP/1.1\r\nHost: x\r\nCookie: pi-session=" + shown + b"\r\n\r\n")
            assert b" 401 " in line


async def test_two_different_cookies_of_the_name_are_no_session() -> None:
    """One of them may be planted, and nobody knows which; the same one twice is one."""
    async with worker(setting()) as portal:
        ann, mallory = await portal.sign_in("ann"), await portal.sign_in("mallory")
        for cookie in (f"{ann}; {mallory}", f"{mallory}; {ann}"):
            assert (await portal.ask("GET", "/portal/me", cookie=cookie)).status == 401
        assert (await portal.ask("GET", "/portal/me", cookie=f"{ann}; {ann}")).status == 200
        assert (await portal.ask("GET", "/portal/me", cookie=f"x-pi-session=1; {ann}; pi-session-csrf=2")).status == 200


async def test_what_another_purpose_sealed_is_no_session() -> None:
    """A CSRF token, and the very content of a session under another purpose of the same key, open nothing."""
    of = setting()
    async with worker(of) as portal:
        cookie = await portal.sign_in()
        plain = KeyRing([OLD]).sealer("session").unseal(cookie.partition("=")[2])
        assert plain is not None
        forged = KeyRing([OLD]).sealer("other").seal(plain.plain)
        assert (await portal.ask("GET", "/portal/me", cookie=f"pi-session={forged}")).status == 401


@both
async def test_flipped_bits_are_never_a_session(keep: Keep) -> None:
    """10,000 changed cookies: none opens, none raises."""
    of = setting(keep=keep)
    chance = random.Random(7)
    async with worker(of) as portal:
        sealed = (await portal.sign_in()).partition("=")[2]
        blank = make_mocked_request("GET", "/")
        for turn in range(10_000):
            changed = bytearray(sealed.encode())
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
            request = blank.clone(headers={"Cookie": f"pi-session={changed.decode('latin-1')}"})
            assert (await portal.storage.of(request)).record is None, changed
            await asyncio.sleep(0 if turn % 100 else 0.001)  # others have work to do as well
        assert (await portal.storage.of(blank.clone(headers={"Cookie": f"pi-session={sealed}"}))).record is not None


class Interrupted(MemoryKeys):
    """Lets something happen after a reading, before its reader goes on."""

    then: Callable[[], Awaitable[Any]] | None = None

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Read, and let it happen once."""
        found = await super().get_many(keys)
        if self.then is not None:
            then, self.then = self.then, None
            await then()
        return found


async def test_renewing_the_idle_clock_overwrites_no_newer_data() -> None:
    """On the server the clock has a key of its own: a slow call that only reads does not undo another's change."""
    keys = Interrupted()
    of = setting(keep="server", keys=keys)
    async with worker(of) as portal:
        cookie = await portal.sign_in()
        of.clock.advance(120)
        keys.then = lambda: portal.ask("POST", "/portal/note", cookie=cookie, json={"note": "new"})
        assert (await portal.ask("GET", "/portal/me", cookie=cookie)).data["data"] == {"note": ""}
        assert (await portal.ask("GET", "/portal/me", cookie=cookie)).data["data"] == {"note": "new"}


async def test_the_librarys_own_functions_work_with_the_storage() -> None:
    """aiohttp-session's middleware and `get_session` load what our links sealed, and their edits are kept."""

    async def handle(request: web.Request) -> web.Response:
        session = await aiohttp_session.get_session(request)
        session["note"] = f"{session['note']}!"
        return web.Response(text=str(session.identity))

    app = web.Application()
    app.router.add_get("/", handle)
    async with worker(setting()) as portal:
        cookie = await portal.sign_in()
        aiohttp_session.setup(app, portal.storage)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", web.NotAppKeyWarning)  # the library still uses text keys
            async with TestClient(TestServer(app)) as other:
                answer = await other.get("/", headers={"Cookie": cookie})
                identity = await answer.text()
        edited = f"pi-session={answer.cookies['pi-session'].value}"
        me = await portal.ask("GET", "/portal/me", cookie=edited)
        assert (me.data["data"], me.data["id"]) == ({"note": "!"}, identity)


async def _refused_soon(portal: Worker, cookie: str) -> None:
    """Within a second, and what a busy machine adds; who is not told lets in for minutes."""

    async def is_refused() -> bool:
        return (await portal.ask("GET", "/portal/me", cookie=cookie)).status == 401

    await until(is_refused, "a refusal", 10)
