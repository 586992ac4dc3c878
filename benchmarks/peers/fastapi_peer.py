"""The sample call as a good FastAPI application has it: dependencies, a middleware, httpx, uvicorn on uvloop."""

import argparse
import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import httpx
import uvicorn
from fastapi import Depends, FastAPI, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from benchmarks.peers import market

Next = Callable[[Request], Awaitable[Response]]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """One client for the life of the application."""
    async with httpx.AsyncClient(timeout=market.PROVIDER_TIMEOUT) as client:
        app.state.client = client
        yield


app = FastAPI(lifespan=lifespan, openapi_url=None)


@app.middleware("http")
async def told(request: Request, call_next: Next) -> Response:
    """Take or make the correlation id and answer with it; one access line for each request."""
    start, status = time.perf_counter(), 499
    request.state.correlation_id = market.correlation_id(request.headers)
    request.state.consumer = "-"
    try:
        response = await call_next(request)
        status = response.status_code
        response.headers["activityid"] = request.state.correlation_id
        return response
    finally:
        target = f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
        market.tell_access(
            status,
            time.perf_counter() - start,
            source(request),
            request.method,
            target,
            request.state.correlation_id,
            request.state.consumer,
        )


def source(request: Request) -> str:
    """Where the request came from."""
    return request.client.host if request.client else ""


def answered(request: Request, failure: market.Failure) -> JSONResponse:
    """A failure in its envelope."""
    return JSONResponse(failure.body(request.state.correlation_id), status_code=failure.status)


@app.exception_handler(market.Failure)
async def failed(request: Request, failure: market.Failure) -> JSONResponse:
    """A declared failure."""
    return answered(request, failure)


@app.exception_handler(RequestValidationError)
async def invalid(request: Request, _: RequestValidationError) -> JSONResponse:
    """An input that does not fit."""
    return answered(request, market.Failure(*market.INVALID))


@app.exception_handler(Exception)
async def crashed(request: Request, error: Exception) -> JSONResponse:
    """A bug."""
    market.errors.error("%s failed", request.url.path, exc_info=error)
    return answered(request, market.Failure(*market.INTERNAL))


def consumer(request: Request, x_srv_token: Annotated[str | None, Header()] = None) -> str:
    """Let in whoever shows the token."""
    market.check_token(x_srv_token, request.app.state.digest)
    request.state.consumer = "bench"
    return "bench"


@app.get("/api/rates/v1.0/latest/{base}", dependencies=[Depends(consumer)])
async def latest(
    request: Request,
    base: market.Currency,
    symbols: Annotated[list[market.Currency] | None, Query(max_length=50)] = None,
) -> market.Enveloped:
    """Answer with what one unit of ``base`` is worth."""
    try:
        async with asyncio.timeout(market.CALL_TIMEOUT):
            rates = await ask(request, base, symbols or [])
    except TimeoutError:
        raise market.Failure(*market.TIMEOUT) from None
    return market.Enveloped(data=rates, correlationId=request.state.correlation_id)


async def ask(request: Request, base: str, symbols: list[str]) -> market.Rates:
    """Ask the market, with both legs on record."""
    url = f"{request.app.state.provider}/latest/{base}"
    headers = {"Accept": "application/json", "activityid": request.state.correlation_id}
    record = market.ApiRecord(request.state.correlation_id, url)
    record.request(headers.items(), source(request))
    client: httpx.AsyncClient = request.app.state.client
    try:
        response = await client.get(url, headers=headers, params={"symbols": symbols} if symbols else None)
    except BaseException as error:
        failure = failure_of(error)
        record.response(failure.status)
        raise failure from error
    record.response(response.status_code, response.headers.items(), response.text)
    return market.table(response.status_code, response.content)


def failure_of(error: BaseException) -> market.Failure:
    """What the consumer is told when the market did not answer."""
    match error:
        case httpx.TimeoutException():
            return market.Failure(*market.PROVIDER_TIMED_OUT)
        case httpx.RemoteProtocolError() | httpx.DecodingError():
            return market.Failure(*market.MALFORMED)
        case asyncio.CancelledError():
            return market.Failure(*market.TIMEOUT)
        case _:
            return market.Failure(*market.UNREACHABLE)


def main() -> None:
    """Serve until stopped."""
    arguments = argparse.ArgumentParser()
    for name in ("--port", "--provider", "--token", "--logs"):
        arguments.add_argument(name, required=True)
    given = arguments.parse_args()
    market.open_logs(Path(given.logs))
    app.state.provider = given.provider
    app.state.digest = hashlib.sha256(given.token.encode()).digest()
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(given.port),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
