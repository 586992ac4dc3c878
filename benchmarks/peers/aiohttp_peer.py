"""The sample call as a good aiohttp application has it: middlewares, a session, pydantic, logging, uvloop."""

import argparse
import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import uvloop
from aiohttp import web
from pydantic import ValidationError

from benchmarks.peers import market

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

CORRELATION: web.RequestKey[str] = web.RequestKey("correlation", str)
CONSUMER: web.RequestKey[str] = web.RequestKey("consumer", str)
SESSION: web.AppKey[aiohttp.ClientSession] = web.AppKey("session", aiohttp.ClientSession)
PROVIDER: web.AppKey[str] = web.AppKey("provider", str)
DIGEST: web.AppKey[bytes] = web.AppKey("digest", bytes)


@web.middleware
async def correlated(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Take or make the correlation id, and answer with it."""
    request[CORRELATION] = market.correlation_id(request.headers)
    response = await handler(request)
    response.headers["activityid"] = request[CORRELATION]
    return response


@web.middleware
async def told(request: web.Request, handler: Handler) -> web.StreamResponse:
    """One access line for each request."""
    start, status = time.perf_counter(), 499
    try:
        response = await handler(request)
        status = response.status
        return response
    finally:
        market.tell_access(
            status,
            time.perf_counter() - start,
            request.remote or "-",
            request.method,
            request.path_qs,
            request[CORRELATION],
            request.get(CONSUMER, "-"),
        )


@web.middleware
async def recovered(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every failure becomes an envelope."""
    try:
        return await handler(request)
    except market.Failure as failure:
        told_failure = failure
    except web.HTTPException as error:
        told_failure = market.Failure(error.status, "http", error.reason)
    except Exception:  # noqa: BLE001 - whatever it is, the consumer gets an envelope
        market.errors.exception("%s failed", request.path)
        told_failure = market.Failure(*market.INTERNAL)
    return web.json_response(told_failure.body(request[CORRELATION]), status=told_failure.status)


@web.middleware
async def authenticated(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let in whoever shows the token."""
    market.check_token(request.headers.get("x-srv-token"), request.app[DIGEST])
    request[CONSUMER] = "bench"
    return await handler(request)


async def latest(request: web.Request) -> web.Response:
    """Answer with what one unit of ``base`` is worth."""
    try:
        async with asyncio.timeout(market.CALL_TIMEOUT):
            rates = await ask(request, wanted(request))
    except TimeoutError:
        raise market.Failure(*market.TIMEOUT) from None
    body = market.Enveloped(data=rates, correlationId=request[CORRELATION]).model_dump_json()
    return web.Response(text=body, content_type="application/json")


def wanted(request: web.Request) -> market.Wanted:
    """The typed input."""
    query = request.query
    given = {name: query.getall(name) if name == "symbols" else query[name] for name in query}
    try:
        return market.Wanted.model_validate({**given, **request.match_info})
    except ValidationError as error:
        raise market.Failure(*market.INVALID) from error


async def ask(request: web.Request, order: market.Wanted) -> market.Rates:
    """Ask the market, with both legs on record."""
    url = f"{request.app[PROVIDER]}/latest/{order.base}"
    headers = {"Accept": "application/json", "activityid": request[CORRELATION]}
    params = [("symbols", symbol) for symbol in order.symbols]
    record = market.ApiRecord(request[CORRELATION], url)
    record.request(headers.items(), request.remote or "")
    try:
        async with request.app[SESSION].get(url, headers=headers, params=params) as response:
            body = await response.read()
    except BaseException as error:
        failure = failure_of(error)
        record.response(failure.status)
        raise failure from error
    record.response(response.status, response.headers.items(), body.decode("utf-8", "replace"))
    return market.table(response.status, body)


def failure_of(error: BaseException) -> market.Failure:
    """What the consumer is told when the market did not answer."""
    match error:
        case TimeoutError():
            return market.Failure(*market.PROVIDER_TIMED_OUT)
        case aiohttp.ClientPayloadError():
            return market.Failure(*market.MALFORMED)
        case _:
            return market.Failure(*market.UNREACHABLE)


async def session(app: web.Application) -> AsyncIterator[None]:
    """One session for the life of the application."""
    timeout = aiohttp.ClientTimeout(total=market.PROVIDER_TIMEOUT)
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as opened:
        app[SESSION] = opened
        yield


def application(provider: str, token: str) -> web.Application:
    """The whole application."""
    app = web.Application(middlewares=[correlated, told, recovered, authenticated])
    app[PROVIDER] = provider
    app[DIGEST] = hashlib.sha256(token.encode()).digest()
    app.cleanup_ctx.append(session)
    app.router.add_get("/api/rates/v1.0/latest/{base}", latest)
    return app


def main() -> None:
    """Serve until stopped."""
    arguments = argparse.ArgumentParser()
    for name in ("--port", "--provider", "--token", "--logs"):
        arguments.add_argument(name, required=True)
    given = arguments.parse_args()
    market.open_logs(Path(given.logs))
    app = application(given.provider, given.token)
    web.run_app(app, host="127.0.0.1", port=int(given.port), access_log=None, print=None, loop=uvloop.new_event_loop())


if __name__ == "__main__":
    main()
