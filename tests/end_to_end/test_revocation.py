"""Who signed out is signed out everywhere: two server processes that share their stores."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.cli.processes import Serving
from tests.end_to_end.notes import (
    Asker,
    browser,
    http_session,
    install_notes,
    program,
    serving_notes,
    sign_in_of,
    until_refused,
)
from tests.parts.redis import redis_port

if TYPE_CHECKING:
    from aiohttp import ClientSession

__all__ = ["redis_port"]

SHARED = "server: {{data_dir: {data}}}\nstores: {{documents: sqlite, keys: '{keys}'}}\nsessions: {{keep: {keep}}}\n"


@pytest.fixture(params=["sqlite, cookie", "sqlite, server", "redis, cookie"], scope="module")
def servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Generator[tuple[Serving, Serving]]:
    """Two processes on one folder of data, the keys in SQLite or Redis; a session in its cookie or in the store."""
    keys, keep = request.param.split(", ")
    where = f"redis://127.0.0.1:{request.getfixturevalue('redis_port')}/7" if keys == "redis" else keys
    folder = tmp_path_factory.mktemp("revocation")
    lines = SHARED.format(data=folder / "data", keys=where, keep=keep)
    site = install_notes(folder / "site")
    with ExitStack() as stack:
        one, other = (stack.enter_context(serving_notes(folder / name, site, lines)) for name in ("one", "other"))
        yield one, other


@pytest.fixture
async def http(servers: tuple[Serving, Serving]) -> AsyncGenerator[ClientSession]:
    """For requests to both, where Ann and Bob have signed up, now or before."""
    async with http_session() as opened:
        for name in ("ann", "bob"):
            told = await Asker(opened, servers[0].address).ask("POST", "/sign-up", sign_in_of(name))
            assert told in ((204, None), (409, "name_taken"))
        yield opened


async def test_a_copy_is_refused_everywhere_once_its_owner_signed_out(
    http: ClientSession, servers: tuple[Serving, Serving]
) -> None:
    """Cookie and token are good on both, then on neither: at once where it was said, on the other within a second."""
    one, other = servers
    ann, token, bob = await browser(http, one, "ann"), await program(http, one, "ann"), await browser(http, one, "bob")
    again = await browser(http, other, "ann")
    copies = [asker.at(server) for asker in (ann, token) for server in servers]
    assert [await copy.known() for copy in copies] == [True] * 4
    assert await ann.ask("POST", "/sign-out") == (204, None)
    assert not ann.cookies
    assert await Asker(http, one.address).ask("POST", "/token/end", {"token": token.token}) == (204, None)
    here = [copy for copy in copies if copy.url == one.address]
    assert [await copy.known() for copy in here] == [False] * 2
    await until_refused(*copies)
    assert [await asker.at(server).known() for asker in (bob, again) for server in servers] == [True] * 4


async def test_signing_out_everywhere_ends_all_of_one_user(
    http: ClientSession, servers: tuple[Serving, Serving]
) -> None:
    """Sessions and tokens of both servers are refused on both; who signs in right afterwards is let in on both."""
    one, other = servers
    mine = [await signed(http, server, "ann") for server in servers for signed in (browser, program)]
    bobs = [await signed(http, server, "bob") for server in servers for signed in (browser, program)]
    copies = [asker.at(server) for asker in mine for server in servers]
    assert [await copy.known() for copy in copies] == [True] * 8
    assert await mine[2].ask("POST", "/sign-out/everywhere") == (204, None)
    back = [await signed(http, server, "ann") for server in (other, one) for signed in (browser, program)]
    await until_refused(*copies)
    assert [await asker.at(server).known() for asker in (*back, *bobs) for server in servers] == [True] * 16
