"""Packages with middlewares, made up for one test: a package and its metadata, as an installation would leave them."""

from __future__ import annotations

from pathlib import Path

STAMP = """
from aiohttp import web

from pi_server import Fault
from pi_server.middlewares import Handler, Link, call_of


def stamp(*, word: str, times: int = 1) -> Link:
    def link(handler: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            response = await handler(request)
            response.headers.add("x-stamps", f"{word * times} {call_of(request).consumer.name}")
            return response

        return handle

    return link


def second() -> Link:
    return stamp(word="second")


def broken(*, secret: str = "hunter2") -> Link:
    def link(handler: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            raise RuntimeError(f"out of order: {secret}")

        return handle

    return link


def refusing() -> Link:
    def link(handler: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            raise Fault("closed", 403, "It is closed.", reason="at night")

        return handle

    return link


def by_itself() -> Link:
    def link(handler: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            return web.json_response("answered by the link")

        return handle

    return link


def everybody() -> Link:
    raise AssertionError("nobody asked for this link")


def no_link() -> None:
    return None


not_callable = 3
"""

NAMES = ("stamp", "second", "broken", "refusing", "by_itself", "no_link", "not_callable", "token=everybody")


def put(folder: Path, package: str, code: str, *names: str, requires: str = "") -> None:
    """Leave a package in ``folder`` as an installation would; a name is that of its link, or ``name=link``."""
    (folder / package).mkdir(parents=True)
    (folder / package / "__init__.py").write_text(code)
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    needs = f"Requires-Dist: {requires}\n" if requires else ""
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n{needs}")
    points = [(name.partition("=")[0], name.rpartition("=")[2]) for name in names]
    lines = "".join(f"{name} = {package}:{link}\n" for name, link in points)
    (info / "entry_points.txt").write_text(f"[pi_server.middlewares]\n{lines}")
