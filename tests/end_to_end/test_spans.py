"""A collector of OpenTelemetry is told of calls and of their exchanges, and of nothing else."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from pydantic import BaseModel

from pi_server import Call, Fault, RestMessage, RestProvider, Service, get
from pi_server.config import ConfigError, load
from pi_server.domain.span import Span as Ended
from pi_server.server.rehearsal import rehearse
from pi_server.server.spans import BATCH, MOST, PATIENCE, Spans
from pi_server.testing import Serve
from tests.parts.processes import free_port
from tests.parts.small_server import answering
from tests.parts.waiting import until

TRACE, SPAN, SECRET = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "hunter-2-hunter-2"


@dataclass
class Collector:
    """What a collector was sent: the bytes, and the spans in them with their attributes."""

    url: str = ""
    sent: list[bytes] = field(default_factory=list[bytes])

    @property
    def spans(self) -> dict[str, tuple[Span, dict[str, Any]]]:
        """Those of one call, by their kind."""
        found = list(self._all())
        kinds = {Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"): (span, _plain(span)) for span in found}
        assert len(kinds) == len(found)
        return kinds

    def _all(self) -> Iterator[Span]:
        for body in self.sent:
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                assert ("service.name", "desk") in [
                    (one.key, one.value.string_value) for one in resource.resource.attributes
                ]
                for scope in resource.scope_spans:
                    yield from scope.spans


def _plain(span: Span) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value") or "") for one in span.attributes}


@asynccontextmanager
async def collecting() -> AsyncGenerator[Collector]:
    """A collector that takes whatever it is sent."""
    collector = Collector()

    async def take(request: web.Request) -> web.Response:
        collector.sent.append(await request.read())
        return web.Response(content_type="application/x-protobuf")

    application = web.Application()
    application.router.add_post("/v1/traces", take)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port := free_port())
        await site.start()
        collector.url = f"http://127.0.0.1:{port}/v1/traces"
        yield collector
    finally:
        await runner.cleanup()


class Heard(BaseModel):
    """What the provider was told."""

    headers: dict[str, str]


class Echo(RestMessage[Heard], path="/echo/trace"):
    """Ask what arrives."""

    pin: str


class Broken(RestMessage[Heard], path="/error"):
    """Ask what fails."""


class Late(RestMessage[Heard], path="/slow"):
    """Ask what does not answer."""


class Asking(Service):
    """Asks once."""

    root = "/asking"
    market: RestProvider

    @get("/up/{name}")
    async def up(self, call: Call, name: str, pin: str) -> Heard:
        """Tell what the provider was told."""
        return await self.market.send(call, Echo(pin=pin))

    @get("/broken", public=True)
    async def broken(self, call: Call) -> Heard:
        """Ask a provider that fails."""
        return await self.market.send(call, Broken())

    @get("/late", public=True)
    async def late(self, call: Call) -> Heard:
        """Ask a provider that does not answer."""
        return await self.market.send(call, Late())

    @get("/wrong", public=True)
    async def wrong(self, call: Call) -> Heard:
        """Refuse."""
        raise Fault("no_funds", 409, "There is no money.")


async def _asked(
    serve: Serve, provider: str, collector: Collector, path: str, headers: Mapping[str, str], **tracing: Any
) -> tuple[int, Any]:
    """The answer to one call; all spans have been sent when it is there."""
    config = {
        "tracing": {"otlp": collector.url, "service": "desk", **tracing},
        "services": {"asking": {"market": {"endpoint": provider, "timeout": "300ms", "retry": {"times": 0}}}},
    }
    async with serve(Asking, config=config) as server:
        given = {**server.headers, **headers}
        async with server.session.get(path, headers=given) as response:
            return response.status, await response.json()


async def test_a_call_and_its_exchange_are_told(serve: Serve, rest_provider: str) -> None:
    """One span each, tied to the consumer's and to the provider's by their ids; of what is secret, there is nothing."""
    async with collecting() as collector:
        given = {"traceparent": f"00-{TRACE}-{SPAN}-01", "activityid": "call-1", "x-own": SECRET}
        status, body = await _asked(serve, rest_provider, collector, f"/asking/up/eve?pin={SECRET}", given)
    assert status == 200, body
    (server, of_call), (client, of_exchange) = collector.spans["SERVER"], collector.spans["CLIENT"]
    heard = {name.lower(): value for name, value in body["data"]["headers"].items()}
    assert heard["traceparent"] == f"00-{TRACE}-{client.span_id.hex()}-01"
    assert {server.trace_id.hex(), client.trace_id.hex()} == {TRACE}
    assert (server.parent_span_id.hex(), client.parent_span_id) == (SPAN, server.span_id)
    assert server.start_time_unix_nano <= client.start_time_unix_nano <= client.end_time_unix_nano
    assert client.end_time_unix_nano <= server.end_time_unix_nano
    assert (server.name, client.name) == ("GET /asking/up/{name}", "GET asking.market")
    assert of_call == {
        "http.request.method": "GET",
        "http.route": "/asking/up/{name}",
        "http.response.status_code": 200,
        "url.path": "/asking/up/eve",
        "url.scheme": "http",
        "pi_server.service": "asking",
        "pi_server.operation": "up",
        "pi_server.consumer": "test",
        "pi_server.correlation_id": "call-1",
    }
    assert of_exchange == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "server.address": "127.0.0.1",
        "server.port": int(rest_provider.rpartition(":")[2]),
        "pi_server.provider": "asking.market",
        "pi_server.correlation_id": "call-1",
    }
    assert not any(SECRET.encode() in sent for sent in collector.sent)


@pytest.mark.parametrize(
    ("path", "error", "status"), [("/asking/broken", "500", 500), ("/asking/late", "timeout", None)]
)
async def test_what_a_provider_fails_at(
    serve: Serve, rest_provider: str, path: str, error: str, status: int | None
) -> None:
    """Both spans are marked; the trace begins here, known by the correlation id."""
    async with collecting() as collector:
        answered, _ = await _asked(serve, rest_provider, collector, path, {"activityid": TRACE})
    (server, of_call), (client, of_exchange) = collector.spans["SERVER"], collector.spans["CLIENT"]
    assert of_exchange["error.type"] == error
    assert of_exchange.get("http.response.status_code") == status
    assert of_call["http.response.status_code"] == answered >= 500
    assert of_call["error.type"] == of_call["pi_server.fault"]
    assert server.status.code == client.status.code == Status.STATUS_CODE_ERROR
    assert (server.trace_id.hex(), server.parent_span_id) == (TRACE, b"")


async def test_a_fault_of_the_consumer_is_no_error_here(serve: Serve, rest_provider: str) -> None:
    """It is told by its code."""
    async with collecting() as collector:
        await _asked(serve, rest_provider, collector, "/asking/wrong", {})
    server, of_call = collector.spans["SERVER"]
    assert (of_call["pi_server.fault"], of_call["http.response.status_code"]) == ("no_funds", 409)
    assert server.status.code == Status.STATUS_CODE_UNSET
    assert "error.type" not in of_call


@pytest.mark.parametrize(("told", "sample"), [("", 0.0), (f"00-{TRACE}-{SPAN}-00", 1.0)])
async def test_what_is_not_sampled_is_not_told(serve: Serve, rest_provider: str, told: str, sample: float) -> None:
    """The consumer's word counts before ours, and the provider hears what was decided."""
    async with collecting() as collector:
        _, body = await _asked(
            serve, rest_provider, collector, "/asking/up/eve?pin=1", {"traceparent": told}, sample=sample
        )
    assert not collector.sent
    assert body["data"]["headers"]["traceparent"].endswith("-00")


async def test_a_collector_that_is_away_changes_nothing(
    serve: Serve, rest_provider: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Calls are answered as before, the server stops in time, and its log tells of what was lost."""
    away = Collector(f"http://user:{SECRET}@127.0.0.1:{free_port()}/v1/traces")
    async with asyncio.timeout(15):
        status, _ = await _asked(serve, rest_provider, away, "/asking/up/eve?pin=1", {})
    assert status == 200
    assert "2 spans were not sent" in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize(("scheme", "reason"), [("http", "status 404"), ("https", "SSLError")])
async def test_why_a_collector_takes_nothing_is_told(
    caplog: pytest.LogCaptureFixture, scheme: str, reason: str
) -> None:
    """A wrong path and one that does not speak TLS, once for all that is lost, without the address."""
    async with collecting() as collector:
        where = collector.url.replace("http", scheme, 1).replace("/v1/traces", f"/{SECRET}")
        spans = Spans(where, "desk", 1.0)
        spans.record(Ended("client", "GET a.b", TRACE, SPAN, SPAN, 1, failed=False, attributes={}))
        await until(lambda: spans.lost)
        await spans.close()
    assert f"the collector does not take spans ({reason}); they are lost, and counted" in caplog.text
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("pi_server")]
    assert SECRET not in "".join(ours)  # the collector tells of itself


async def test_a_collector_that_hangs_holds_up_no_end(caplog: pytest.LogCaptureFixture) -> None:
    """What it was being asked is left behind when its time at the end is over, before that of the try."""
    async with answering(lambda _: None) as address:
        spans = Spans(f"{address}/v1/traces", "desk", 1.0)
        spans.record(Ended("client", "GET a.b", TRACE, SPAN, SPAN, 1, failed=False, attributes={}))
        async with asyncio.timeout(PATIENCE):
            await spans.close()
    assert "1 spans were not sent" in caplog.text


async def test_spans_that_wait_are_bounded() -> None:
    """Beyond the most that may wait they are lost at once; all that were lost are counted."""
    spans = Spans(f"http://127.0.0.1:{free_port()}/v1/traces", "desk", 1.0)
    for number in range(MOST + 500):
        spans.record(Ended("client", "GET a.b", TRACE, f"{number + 1:016x}", SPAN, 1, failed=False, attributes={}))
    assert spans.lost >= 500 - 2 * BATCH
    async with asyncio.timeout(15):
        await spans.close()
    assert spans.lost == MOST + 500


def test_without_a_collector_nothing_is_loaded() -> None:
    """No module of OpenTelemetry is imported by a server that sends no spans."""
    code = """
import asyncio, sys
from pi_server.testing import serve
from tests.end_to_end.test_traces import Asking
async def main():
    config = {"services": {"asking": {"market": {"endpoint": "http://127.0.0.1:1"}}}}
    async with serve(Asking, config=config) as server, server.session.get("/asking/up") as response:
        assert response.status >= 500, response.status
asyncio.run(main())
print([name for name in sys.modules if name.startswith(("opentelemetry", "google.protobuf"))])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr


async def test_packages_that_are_missing_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the line of the configuration, and the command that installs them."""
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    monkeypatch.delitem(sys.modules, "pi_server.server.spans", raising=False)
    path = tmp_path / "config.yaml"
    path.write_text('tracing:\n  otlp: "http://127.0.0.1:4318/v1/traces"\n')
    with pytest.raises(ConfigError) as wrong:
        await rehearse(load(path, {}))
    assert f"{path.name}:2: tracing.otlp: " in str(wrong.value)
    assert "pip install 'pi-server[telemetry]'" in str(wrong.value)
