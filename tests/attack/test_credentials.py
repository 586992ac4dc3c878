"""Credentials nobody issued, shown in every way: refused with the right status, told once, and never repeated."""

import asyncio
import json
import random
import re
from collections import Counter
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from pi_server import Call, Service, get, post
from pi_server.auth.service_tokens import digest
from pi_server.security import Sessions, TokenIssuer
from pi_server.testing import Serve, Served

CANARY = b"CANARY9173"
ENDED, NARROW = "an-ended-token-of-somebody", "a-token-that-reaches-elsewhere"
CONFIG: dict[str, Any] = {
    "chains": {"every": ["token", "session", "jwt"], "jwt": ["jwt"], "session": ["session"]},
    "tokens": {
        "ended": {"sha256": digest(ENDED), "expires": "2020-01-01T00:00:00Z"},
        "narrow": {"sha256": digest(NARROW), "reach": ["elsewhere", "guarded.jwt"]},
    },
}
BAD = {
    "byte": CANARY + b"\xff",
    "utf-8": CANARY + "é".encode(),
    "latin-1": CANARY + "é".encode("latin-1"),
    "surrogate": CANARY + b"\xed\xa0\x80",
    "blank": CANARY + b" " + CANARY,
    "quote": b'"' + CANARY,
    "8 KiB": CANARY + b"x" * 8100,
}
HOLDERS = [
    b"x-srv-token: %b",
    b"X-SRV-TOKEN: %b",
    b"Authorization: Bearer %b",
    b"aUTHORIZATION: bEARER  %b",
    b"Authorization: Bearer\t%b",
    b"Authorization: %b",
    b"Cookie: pi-session=%b",
    b"Cookie: token=%b",
    b"Cookie: %b",
]


class Told(BaseModel):
    """What is told."""

    text: str


class Guarded(Service):
    """One operation behind each kind of chain."""

    root = "/guarded"
    sessions: Sessions
    issuer: TokenIssuer

    @post("/in", public=True)
    async def sign_in(self, call: Call, user: str) -> Told:
        """Sign in both ways."""
        await self.sessions.open(call, user)
        return Told(text=self.issuer.issue(user))

    @post("/out", chain="session")
    async def out(self, call: Call) -> None:
        """Sign out everywhere."""
        await self.sessions.close_all(call.consumer.name)

    @get("/every", chain="every")
    async def every(self, call: Call) -> Told:
        """Tell how one came in."""
        return Told(text=call.consumer.kind)

    @get("/token")
    async def token(self, call: Call) -> Told:
        """Tell how one came in."""
        return Told(text=call.consumer.kind)

    @get("/jwt", chain="jwt")
    async def jwt(self, call: Call) -> Told:
        """Tell how one came in."""
        return Told(text=call.consumer.kind)

    @get("/session", chain="session")
    async def session(self, call: Call) -> Told:
        """Tell how one came in."""
        return Told(text=call.consumer.kind)

    @get("/open", public=True)
    async def open_to_all(self, call: Call) -> Told:
        """Tell how one came in."""
        return Told(text=call.consumer.kind)


class Door:
    """One connection to a server after the other, for requests no library would send."""

    def __init__(self, served: Served) -> None:
        self._port = int(served.url.rpartition(":")[2])
        self.asked = 0

    async def ask(self, path: str, *headers: bytes) -> tuple[int, bytes]:
        """Status and all bytes of the answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        lines = [b"GET %b HTTP/1.1" % path.encode(), b"Host: x", b"Connection: close", *headers]
        writer.write(b"\r\n".join(lines) + b"\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        self.asked += 1
        assert b"activityid: " in answer
        return int(answer.split(b" ", 2)[1]), answer


async def _signed_in(served: Served) -> tuple[bytes, bytes]:
    """A JWT and a session's cookie."""
    async with served.session.post("/guarded/in", json={"user": "ann"}) as response:
        token = (await response.json())["data"]["text"]
        cookie = response.cookies["pi-session"].value
    served.session.cookie_jar.clear()
    return token.encode(), cookie.encode()


def _same(answer: bytes) -> bytes:
    """An answer without what differs each time."""
    return re.sub(rb'activityid: \S+|Date: [^\r]+|"correlationId":"\w+"', b"", answer)


@pytest.mark.parametrize("path", ["/guarded/every", "/guarded/token", "/guarded/jwt", "/guarded/session"])
async def test_what_no_header_should_hold_is_refused_and_never_told(serve: Serve, tmp_path: Path, path: str) -> None:
    """400 or 401 with an id, one line each with the reason, and no part of what was shown in any file."""
    async with serve(Guarded, config=CONFIG, directory=tmp_path) as served:
        door = Door(served)
        for value in BAD.values():
            for holder in HOLDERS:
                status, answer = await door.ask(path, holder % value)
                assert status in (400, 401), (holder, status)
                assert CANARY not in answer
        many = [b"Cookie: c%d=%b; pi-session=%b" % (n, CANARY, CANARY) for n in range(1500)]
        assert (await door.ask(path, *many))[0] == 400
        lines = await served.access_log(door.asked)
        told = (served.logs / "error.log").read_text()
    assert (len(lines), told) == (door.asked, "")
    assert all(CANARY not in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())


async def test_of_several_credentials_only_the_same_jwt_twice_is_one(serve: Serve) -> None:
    """Every pair and triple, good and bad: 400 for two kinds, 401 for several of one, 200 for one said again."""
    async with serve(Guarded, config=CONFIG) as served:
        door = Door(served)
        jwt, cookie = await _signed_in(served)
        token = served.headers["x-srv-token"].encode()
        shown = {
            ("t", True): b"x-srv-token: " + token,
            ("t", False): b"x-srv-token: wrong",
            ("j", True): b"Authorization: Bearer " + jwt,
            ("j", False): b"Authorization: Bearer wrong",
            ("s", True): b"Cookie: pi-session=" + cookie,
            ("s", False): b"Cookie: pi-session=wrong",
        }
        for count in (1, 2, 3):
            for chosen in combinations_with_replacement(shown, count):
                kinds, good = {kind for kind, _ in chosen}, {one for _, one in chosen}
                status, _ = await door.ask("/guarded/every", *(shown[one] for one in chosen))
                if len(kinds) > 1 or (kinds == {"j"} and len(good) > 1):
                    assert status == 400, chosen
                elif good == {True} and (kinds != {"t"} or count == 1):
                    assert status == 200, chosen
                else:
                    assert status == 401, chosen


async def test_refusals_tell_nobody_why(serve: Serve) -> None:
    """Unknown, ended and revoked are the same bytes; the log knows the difference."""
    async with serve(Guarded, config=CONFIG) as served:
        door = Door(served)
        jwt, cookie = await _signed_in(served)
        assert (await door.ask("/guarded/session", b"Cookie: pi-session=" + cookie))[0] == 200
        assert (await door.ask("/guarded/jwt", b"Authorization: Bearer " + jwt))[0] == 200
        head = {"Cookie": f"pi-session={cookie.decode()}"}
        async with served.session.post("/guarded/out", headers=head) as response:
            assert response.status == 204
        tokens = [
            await door.ask("/guarded/token", b"x-srv-token: " + it) for it in (b"pi_" + b"a" * 43, ENDED.encode())
        ]
        both = b"Cookie: pi-session=%b", b"Authorization: Bearer %b"
        sessions = [await door.ask("/guarded/session", both[0] % it) for it in (b"a" * len(cookie), cookie)]
        jwts = [await door.ask("/guarded/jwt", both[1] % it) for it in (b"a.b.c", jwt)]
        lines = await served.access_log(door.asked + 2)  # who signed in, and out, too
    for answers in (tokens, sessions, jwts):
        assert {status for status, _ in answers} == {401}
        assert len({_same(answer) for _, answer in answers}) == 1
    text = "\n".join(lines)
    assert "an unknown service token" in text
    assert "an expired service token of ended" in text
    assert "JWT revoked" in text


async def test_a_credential_counts_where_its_chain_takes_it(serve: Serve) -> None:
    """Not in another chain, beyond its reach or in a query; and a public operation looks at none."""
    async with serve(Guarded, config=CONFIG) as served:
        door = Door(served)
        jwt, cookie = await _signed_in(served)
        session, narrow = b"Cookie: pi-session=" + cookie, b"x-srv-token: " + NARROW.encode()
        assert (await door.ask("/guarded/token", session))[0] == 401
        assert (await door.ask("/guarded/every", narrow))[0] == 403
        token = served.headers["x-srv-token"]
        query = f"?x-srv-token={token}&access_token={jwt.decode()}&token={jwt.decode()}"
        assert (await door.ask("/guarded/every" + query))[0] == 401
        for shown in (session, narrow, b"x-srv-token: wrong", b"Authorization: Bearer wrong", b"x-srv-token: \xff"):
            status, answer = await door.ask("/guarded/open", shown)
            assert status == 200
            assert json.loads(answer.partition(b"\r\n\r\n")[2])["data"]["text"] == "anonymous"
        log = "\n".join(await served.access_log(door.asked + 1))
    assert token not in log
    assert jwt.decode() not in log


async def test_a_changed_session_is_nobodys(serve: Serve) -> None:
    """2,000 cookies with one bit changed, on the wire: 0 let in, 0 errors."""
    chance = random.Random(3)
    async with serve(Guarded, config=CONFIG) as served:
        _, cookie = await _signed_in(served)
        reader, writer = await asyncio.open_connection("127.0.0.1", int(served.url.rpartition(":")[2]))
        seen: Counter[bytes] = Counter()
        for _ in range(2000):
            changed = bytearray(cookie)
            changed[chance.randrange(len(cookie))] ^= 1 << chance.randrange(8)
            if any(one < 33 or one == 127 for one in changed):
                continue  # no header at all
            writer.write(b"GET /guarded/session HTTP/1.1\r\nHost: x\r\nCookie: pi-session=%b\r\n\r\n" % bytes(changed))
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(re.findall(rb"Content-Length: (\d+)", head)[0]))
            seen[head.split(b" ", 2)[1]] += 1
        writer.close()
        assert (served.logs / "error.log").read_text() == ""
    assert set(seen) == {b"401"}
    assert seen[b"401"] > 1000
