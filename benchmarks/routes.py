"""The time of a look-up among many routes that share their first literal: ``/api/{id}/rN``."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from benchmarks.table import Table, verdict
from pi_server.web.route_table import Found, RouteTable

FEW, MANY = 10, 1000
TARGET = 1.3
_LOOKUPS = {FEW: 2000, MANY: 500}


async def _unused(_: web.Request) -> web.Response:
    raise NotImplementedError


def ours(count: int) -> Callable[[], None]:
    """A look-up of the last of ``count`` routes in our table."""
    table: RouteTable[int] = RouteTable()
    for number in range(count):
        table.add("GET", f"/api/{{id}}/r{number}", number)
    path = f"/api/42/r{count - 1}"
    assert isinstance(table.find("GET", path), Found)

    def look_up() -> None:
        table.find("GET", path)

    return look_up


def aiohttps(count: int) -> Callable[[], None]:
    """The same in aiohttp's own."""
    router = web.UrlDispatcher()
    for number in range(count):
        router.add_get(f"/api/{{id}}/r{number}", _unused)
    request = make_mocked_request("GET", f"/api/42/r{count - 1}")
    assert asyncio.run(_resolved(router, request)).http_exception is None

    def look_up() -> None:
        _finish(router.resolve(request))

    return look_up


async def _resolved(router: web.UrlDispatcher, request: web.Request) -> web.UrlMappingMatchInfo:
    return await router.resolve(request)


def _finish(coroutine: Coroutine[Any, Any, object]) -> None:
    """Run a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise RuntimeError("a look-up waited")


def _microseconds(look_up: Callable[[], None], times: int) -> float:
    start = perf_counter()
    for _ in range(times):
        look_up()
    return (perf_counter() - start) / times * 1e6


def measure(_: Path, rounds: int, __: float) -> list[Table]:
    """Ours and aiohttp's, few and many routes, interleaved; medians."""
    tables = {"pi_server": ours, "aiohttp UrlDispatcher": aiohttps}
    look_ups = {(name, count): make(count) for name, make in tables.items() for count in (FEW, MANY)}
    taken = [
        {key: _microseconds(look_up, _LOOKUPS[key[1]]) for key, look_up in look_ups.items()} for _ in range(rounds)
    ]
    rows: list[list[str]] = []
    for name in tables:
        few, many = (median(times[name, count] for times in taken) for count in (FEW, MANY))
        ratio = median(times[name, MANY] / times[name, FEW] for times in taken)
        target = verdict(ratio, at_most=TARGET) if name == "pi_server" else ""
        rows.append([name, f"{few:.1f}", f"{many:.1f}", f"{ratio:.2f}x", target])
    columns = ["table", f"last of {FEW}, us", f"last of {MANY:,}, us", "ratio", "target"]
    return [Table("Look-up of /api/{id}/rN", columns, rows)]
