"""A middleware of somebody else's package: installed, configured, ordered, printed, and kept in its place."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from pi_server import Call, Service, get
from pi_server.config import ConfigError
from pi_server.testing import Serve
from tests.cli.processes import pi
from tests.server.made_up_links import NAMES, STAMP, put

Install = Callable[..., None]


class Word(BaseModel):
    """What the operations answer."""

    text: str


class Near(Service):
    """Behind the chain of the test."""

    root = "/near"

    @get("/word", chain="own")
    async def word(self, call: Call) -> Word:
        """Answer."""
        return Word(text="near")


class Far(Service):
    """Behind another chain."""

    root = "/far"

    @get("/word")
    async def word(self, call: Call) -> Word:
        """Answer."""
        return Word(text="far")


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a package on the path of this process."""
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site"), *sys.path])

    def install(package: str, code: str, *names: str, requires: str = "") -> None:
        monkeypatch.delitem(sys.modules, package, raising=False)
        put(tmp_path / "site", package, code, *names, requires=requires)

    return install


@pytest.fixture
def stamps(install: Install) -> None:
    """The package with a link of each kind."""
    install("pi_stamps", STAMP, *NAMES)


def config(*links: str, **middlewares: Any) -> dict[str, Any]:
    """The chain ``own`` of these links, and their settings; what cannot be served does not keep the rest from it."""
    return {"server": {"strict": False}, "chains": {"own": links}, "middlewares": middlewares}


WORD = {"word": "hello"}


@pytest.mark.usefixtures("stamps")
async def test_an_installed_link_is_configured_and_ordered(serve: Serve) -> None:
    """Its settings are decoded, its consumer is known, links stand in the chain's order, and another chain has none."""
    own = config("token", "second", "stamp", stamp={**WORD, "times": "2"})
    async with serve(Near, Far, config=own) as server:
        async with server.session.get("/near/word", headers=server.headers) as answer:
            assert answer.status == 200
            assert answer.headers.getall("x-stamps") == ["hellohello test", "second test"]
        async with server.session.get("/far/word", headers=server.headers) as answer:
            assert (answer.status, "x-stamps" in answer.headers) == (200, False)


def test_it_is_printed_where_it_stands(tmp_path: Path) -> None:
    """``routes --chains`` shows it behind the server's own links, and ``check`` finds nothing to say."""
    put(tmp_path / "site", "pi_stamps", STAMP, *NAMES)
    (tmp_path / "config.yaml").write_text(
        "chains: {own: [token, gzip, second, stamp]}\nmiddlewares: {stamp: {word: hello}}\n"
        "services: {sample_service: {enabled: true, chain: own}}\n"
    )
    site = str(tmp_path / "site")
    shown = " ".join(pi("routes", "--chains", cwd=tmp_path, PYTHONPATH=site).stdout.split())
    assert "access_log > recovery > in_flight > gzip > second > stamp" in shown
    done = pi("check", cwd=tmp_path, PYTHONPATH=site)
    assert (done.returncode, done.stderr) == (0, "")


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "middlewares.stamp.word: is missing"),
    ({"word": "x", "times": "many"}, "middlewares.stamp.times: "),
    ({"word": "x", "tmies": 2}, "middlewares.stamp.tmies: "),
]


@pytest.mark.usefixtures("stamps")
@pytest.mark.parametrize(("settings", "reason"), WRONG)
async def test_wrong_settings_take_down_what_stands_behind_them(
    serve: Serve, caplog: pytest.LogCaptureFixture, settings: dict[str, Any], reason: str
) -> None:
    """The service behind that chain answers 503 and is told with the key and the reason; the other one serves."""
    async with serve(Near, Far, config=config("token", "stamp", stamp=settings)) as server:
        assert await _statuses(server) == {"near": 503, "far": 200}
    (told,) = [record.getMessage() for record in caplog.records if "is not served" in record.getMessage()]
    assert told.startswith("plugin near is not served: ")
    assert reason in told
    assert "config.yaml" in told


UNUSABLE: list[tuple[str, str, str, str]] = [
    ("raises", "1 / 0", "", "ZeroDivisionError"),
    ("exits", "raise SystemExit(3)", "", "SystemExit"),
    ("not_there", "x = 1", "", "AttributeError"),
    ("from_future", STAMP, "pi-server>=99", "needs pi-server>=99"),
    ("not_callable", STAMP, "", "is not callable"),
    ("no_link", STAMP, "", "did not give a link"),
]


@pytest.mark.parametrize(("name", "code", "requires", "reason"), UNUSABLE)
async def test_a_link_that_cannot_be_used_takes_down_what_stands_behind_it(
    serve: Serve, install: Install, caplog: pytest.LogCaptureFixture, name: str, code: str, requires: str, reason: str
) -> None:
    """Whatever is wrong with a package: the reason is named, and what does not need it serves."""
    install(f"pi_unusable_{name}", code, name, requires=requires)
    async with serve(Near, Far, config=config("token", name)) as server:
        assert await _statuses(server) == {"near": 503, "far": 200}
    (told,) = [record.getMessage() for record in caplog.records if "is not served" in record.getMessage()]
    assert told.startswith("plugin near is not served: ")
    assert f"middlewares.{name}: cannot be used: " in told
    assert reason in told


async def test_two_packages_that_offer_one_name_are_both_refused(
    serve: Serve, install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    """Taking any of them would be a guess."""
    for package in ("pi_one_stamp", "pi_other_stamp"):
        install(package, STAMP, "stamp")
    async with serve(Near, Far, config=config("token", "stamp", stamp=WORD)) as server:
        assert await _statuses(server) == {"near": 503, "far": 200}
    assert "several packages offer it: pi-one-stamp, pi-other-stamp" in caplog.text.replace("_", "-")


async def _statuses(server: Any) -> dict[str, int]:
    found: dict[str, int] = {}
    for name in ("near", "far"):
        async with server.session.get(f"/{name}/word", headers=server.headers) as answer:
            found[name] = answer.status
    return found


REFUSED: list[tuple[dict[str, Any], str]] = [
    (config("stamp", "token", stamp=WORD), "chains.own: must name credentials first, then csrf, then gzip, then"),
    (config("token", "stamp", "csrf", stamp=WORD), "chains.own: must name credentials first"),
    (config("token", "stamp", "gzip", stamp=WORD), "chains.own: must name credentials first"),
    (config("token", "second", "second"), "chains.own: second stands there twice"),
    (config("token", "stmap"), "chains.own: unknown link 'stmap'; there is token, session, jwt, csrf, gzip"),
    (config("token", stmap=WORD), "middlewares.stmap: no installed package offers this middleware"),
]


@pytest.mark.usefixtures("stamps")
@pytest.mark.parametrize(("given", "reason"), REFUSED)
async def test_a_chain_that_cannot_be_is_refused_at_start(serve: Serve, given: dict[str, Any], reason: str) -> None:
    """A wrong order, a link twice, one that nobody offers, settings for one that nobody offers."""
    with pytest.raises(ConfigError) as caught:
        async with serve(Near, Far, config=given):
            raise AssertionError("it serves")
    (problem,) = caught.value.problems
    assert reason in str(problem)


@pytest.mark.usefixtures("stamps")
@pytest.mark.parametrize(("link", "status", "code"), [("broken", 500, "internal"), ("refusing", 403, "closed")])
async def test_one_that_raises_is_answered_by_recovery(
    serve: Serve, caplog: pytest.LogCaptureFixture, link: str, status: int, code: str
) -> None:
    """A fault in the envelope with the correlation id, one access line, and nothing of an exception's text."""
    async with serve(Near, config=config("token", link)) as server:
        async with server.session.get("/near/word", headers=server.headers) as answer:
            body = await answer.json()
            assert (answer.status, body["error"]["code"]) == (status, code)
            assert body["correlationId"] == answer.headers["activityid"]
            assert "hunter2" not in await answer.text()
        (line,) = await server.access_log()
    assert f" {status} " in line
    assert body["correlationId"] in line
    assert ("at night" in line) == (link == "refusing")
    assert ("RuntimeError" in caplog.text) == (link == "broken")


@pytest.mark.usefixtures("stamps")
async def test_one_that_answers_by_itself_is_logged_all_the_same(serve: Serve) -> None:
    """The server's links stand around it: one access line with the consumer's name, the id and the headers."""
    async with serve(Near, config=config("token", "by_itself")) as server:
        async with server.session.get("/near/word", headers=server.headers) as answer:
            assert await answer.json() == "answered by the link"
            id_ = answer.headers["activityid"]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        (line,) = await server.access_log()
    assert id_ in line
    assert "test" in line


@pytest.mark.usefixtures("stamps")
@pytest.mark.parametrize("link", ["by_itself", "broken"])
async def test_it_does_not_stand_before_the_credentials(serve: Serve, link: str) -> None:
    """Whoever shows no token, or a wrong one, is refused before the link is asked, and is in the log."""
    async with serve(Near, config=config("token", link)) as server:
        for headers in ({}, {"x-srv-token": "wrong"}):
            async with server.session.get("/near/word", headers=headers) as answer:
                assert answer.status == 401
        assert [" 401 " in line for line in await server.access_log(2)] == [True, True]


@pytest.mark.usefixtures("stamps")
async def test_it_is_no_guard(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """A chain without a credential guards nothing, whatever links of others it has."""
    async with serve(Near, Far, config=config("stamp", stamp=WORD)) as server:
        assert await _statuses(server) == {"near": 503, "far": 200}
    assert "is not public, and nothing guards it in the chain own" in caplog.text


@pytest.mark.usefixtures("stamps")
async def test_it_does_not_replace_a_link_of_the_servers(serve: Serve) -> None:
    """A package that offers a link called ``token`` is not even asked for it."""
    async with serve(Near, config=config("token")) as server:
        async with server.session.get("/near/word") as answer:
            assert answer.status == 401
        async with server.session.get("/near/word", headers=server.headers) as answer:
            assert answer.status == 200
