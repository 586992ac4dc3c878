"""The least that aiohttp can do: one bare handler."""

import argparse

import uvloop
from aiohttp import web


async def ping(_: web.Request) -> web.Response:
    """Say that the worker serves."""
    return web.Response(text="pong")


def main() -> None:
    """Serve until stopped."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--port", type=int, required=True)
    app = web.Application()
    app.router.add_get("/ping", ping)
    port = arguments.parse_args().port
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None, loop=uvloop.new_event_loop())


if __name__ == "__main__":
    main()
