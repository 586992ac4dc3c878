"""Pages of other sites: those listed may call and read, all others are told nothing."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from pi_server import Call, Reply, Service, get, post
from pi_server.web.middleware.cors import Permission, cors
from pi_server.web.middleware.in_flight import in_flight
from pi_server.web.middleware.options import options
from tests.web.chained import Chained, chained

GOOD = "https://app.example"
PERMISSION = Permission(
    origins=(GOOD, "http://localhost:3000"), headers=("Content-Type", "x-srv-token"), expose=("activityid",)
)
WANTED = {"Origin": GOOD, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-evil"}
FOREIGN = [
    "https://evil.example",
    "http://app.example",
    "https://app.example:444",
    "https://app.example.evil.example",
    "https://evilapp.example",
    "https://APP.example",
    "https://app.example/",
    f"{GOOD}, https://evil.example",
    "null",
    "*",
    "",
]


class Desk(Service):
    """Answers and fails."""

    root = "/desk"

    @get("/notes", public=True)
    async def read(self, call: Call) -> Reply[str]:
        """Read, with a Vary of its own."""
        return Reply("note", headers={"Vary": "Accept-Language"})

    @post("/notes", public=True)
    async def write(self, call: Call) -> str:
        """Fail."""
        raise RuntimeError


@pytest.fixture
async def desk() -> AsyncIterator[Chained]:
    """The desk, open to two origins."""
    async with chained(Desk(), outside=(cors(PERMISSION),), inside=(options,)) as server:
        yield server


def _told(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.startswith("access-control-")}


async def test_a_preflight_of_a_listed_origin_is_permitted(desk: Chained) -> None:
    """The methods are those of the path, the headers those of the list, whatever was asked for."""
    status, headers, body = await desk.ask("OPTIONS", "/desk/notes", headers=WANTED)
    assert (status, body) == (204, b"")
    assert _told(headers) == {
        "access-control-allow-origin": GOOD,
        "access-control-allow-methods": "GET, HEAD, OPTIONS, POST",
        "access-control-allow-headers": "Content-Type, x-srv-token",
        "access-control-max-age": "600",
    }
    assert headers["vary"] == "Origin"


async def test_a_preflight_of_an_unknown_path_is_not_answered_well(desk: Chained) -> None:
    """404: the browser will not go on."""
    assert (await desk.ask("OPTIONS", "/elsewhere", headers=WANTED))[0] == 404


@pytest.mark.parametrize(
    ("verb", "path", "status"), [("GET", "/desk/notes", 200), ("POST", "/desk/notes", 500), ("GET", "/nowhere", 404)]
)
async def test_a_listed_page_may_read_answers_and_faults(desk: Chained, verb: str, path: str, status: int) -> None:
    """Otherwise it would only see that something went wrong."""
    got, headers, _ = await desk.ask(verb, path, headers={"Origin": GOOD})
    assert got == status
    assert _told(headers) == {"access-control-allow-origin": GOOD, "access-control-expose-headers": "activityid"}
    assert "origin" in headers["vary"].lower()


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize("verb", ["GET", "POST", "OPTIONS"])
async def test_no_other_origin_is_told_anything(desk: Chained, verb: str, origin: str) -> None:
    """Near misses, lists, null and the star: nothing is reflected, and caches know that it depended on the origin."""
    _, headers, _ = await desk.ask(verb, "/desk/notes", headers={**WANTED, "Origin": origin})
    assert _told(headers) == {}
    assert "origin" in headers["vary"].lower()


async def test_every_answer_depends_on_the_origin(desk: Chained) -> None:
    """Also one to a request without, and beside what else it depends on."""
    _, headers, _ = await desk.ask("GET", "/desk/notes")
    assert headers["vary"] == "Accept-Language, Origin"
    _, headers, _ = await desk.ask("GET", "/nowhere")
    assert headers["vary"] == "Origin"


async def test_credentials_are_allowed_only_if_configured() -> None:
    """With the exact origin, never with a star."""
    async with chained(Desk(), outside=(cors(replace(PERMISSION, credentials=True)),), inside=(options,)) as desk:
        for verb in ("GET", "OPTIONS"):
            _, headers, _ = await desk.ask(verb, "/desk/notes", headers=WANTED)
            assert headers["access-control-allow-credentials"] == "true"
            assert headers["access-control-allow-origin"] == GOOD


async def test_a_busy_server_still_tells_a_page_why() -> None:
    """The link stands outside recovery."""
    async with chained(Desk(), outside=(cors(PERMISSION),), inside=(in_flight(0),)) as desk:
        status, headers, _ = await desk.ask("GET", "/desk/notes", headers={"Origin": GOOD})
    assert (status, headers["access-control-allow-origin"]) == (503, GOOD)
