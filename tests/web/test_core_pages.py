"""The core's own pages: bare, offline, and shown to whom the configuration says."""

import re
from hashlib import sha256
from importlib.resources import files

import pytest

from pi_server import Call, Service, get
from pi_server.server.assembly import PluginsFailed
from pi_server.testing import Serve
from tests.web.documented import Shop

PAGES = (
    "/docs",
    "/docs/docs.css",
    "/docs/docs.js",
    "/docs/favicon-32x32.png",
    "/docs/swagger-ui-bundle.js",
    "/docs/swagger-ui.css",
)
DOCUMENTS = ("/openapi.json", "/openapi/shop.json")


async def test_ping_is_bare(serve: Serve) -> None:
    """/ping answers `pong` behind no chain: no envelope, no correlation id, no line in the access log."""
    async with serve(Shop) as server:
        async with server.session.get("/ping") as response:
            assert (response.status, await response.text()) == (200, "pong")
            assert "activityid" not in response.headers
        async with server.session.get("/api/shop/v1.2/desk/open") as response:
            assert response.status == 200
        assert len(lines := await server.access_log()) == 1
        assert "/ping" not in lines[0]


async def test_public_documentation_is_for_anybody(serve: Serve) -> None:
    """On a loopback bind, pages and documents are there without a credential."""
    async with serve(Shop) as server:
        for path in (*PAGES, *DOCUMENTS):
            async with server.session.get(path) as response:
                assert response.status == 200, path
                assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_guarded_documents_need_a_token(serve: Serve) -> None:
    """With `docs: guarded` only a service token opens the documents; the open page tells nothing of the services."""
    async with serve(Shop, config={"docs": "guarded"}) as server:
        for path in DOCUMENTS:
            async with server.session.get(path) as response:
                assert (response.status, (await response.json())["error"]["code"]) == (401, "unauthenticated")
            async with server.session.get(path, headers=server.headers) as response:
                assert response.status == 200
                assert "shop" in await response.text()
        for path in PAGES:
            async with server.session.get(path) as response:
                assert response.status == 200
                assert b"/api/shop" not in await response.read()


async def test_documentation_can_be_off(serve: Serve) -> None:
    """With `docs: off` nothing but /ping is there, not even with a token."""
    async with serve(Shop, config={"docs": "off"}) as server:
        for path in (*PAGES, *DOCUMENTS):
            async with server.session.get(path, headers=server.headers) as response:
                assert response.status == 404, path
        async with server.session.get("/ping") as response:
            assert response.status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/docs/VENDORED.md",
        "/docs/index.html",
        "/docs/..%2f__init__.py",
        "/docs/%2e%2e/core_pages.py",
        "/openapi/nobody.json",
        "/openapi/shop",
        "/openapi/shop.yaml",
        "/openapi/.json",
    ],
)
async def test_nothing_else_is_served(serve: Serve, path: str) -> None:
    """Files beside the listed ones, and documents of services that are not there, are a 404 in the envelope."""
    async with serve(Shop) as server, server.session.get(path) as response:
        assert (response.status, (await response.json())["error"]["code"]) == (404, "no_such_path")


async def test_the_page_is_locked_to_its_own_origin(serve: Serve) -> None:
    """The policy allows no foreign and no inline script, and the page needs neither."""
    async with serve(Shop) as server, server.session.get("/docs") as response:
        page = await response.text()
        rules = dict(rule.strip().split(" ", 1) for rule in response.headers["Content-Security-Policy"].split(";"))
    assert (rules["default-src"], rules["script-src"], rules["connect-src"]) == ("'none'", "'self'", "'self'")
    assert all(inner == "" for inner in re.findall(r"<script[^>]*>(.*?)</script>", page, re.DOTALL))
    assert not re.search(r"https?://|\son\w+=", page)


def test_vendored_files_are_unchanged() -> None:
    """Each file of swagger-ui has the sum that VENDORED.md tells."""
    room = files("pi_server.web") / "swagger_ui"
    told = dict(re.findall(r"\| `(\S+)` \| `([0-9a-f]{64})` \|", (room / "VENDORED.md").read_text("utf-8")))
    assert told == {name: sha256((room / name).read_bytes()).hexdigest() for name in told}
    assert {file.name for file in room.iterdir()} == {*told, "VENDORED.md"}


class Squatter(Service):
    """Wants a path of the core's."""

    root = "/docs"

    @get("/", public=True)
    async def page(self, call: Call) -> str:
        """Answer instead of the core."""
        return "mine"


async def test_a_service_cannot_take_a_core_path(serve: Serve) -> None:
    """A service at one of the core's paths is refused by name; the core's page stays."""
    with pytest.raises(PluginsFailed) as caught:
        async with serve(Squatter):
            pass
    assert "GET /docs is served" in str(caught.value.plugins[0].failures[0])
    async with serve(Squatter, Shop, config={"server": {"strict": False}}) as server:
        async with server.session.get("/docs") as response:
            assert "swagger-ui" in await response.text()
        async with server.session.get("/openapi.json") as response:
            assert "squatter" not in await response.text()
