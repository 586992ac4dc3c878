"""Spans on their way to a collector, by OpenTelemetry's own means; loaded only where one is configured."""

import asyncio
import logging
import threading
from collections.abc import Sequence
from time import time_ns
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags
from requests import PreparedRequest, RequestException, Response, Session

from pi_server.domain.span import Span
from pi_server.version import VERSION

MOST = 2048
"""Spans that may wait for the collector: what comes beyond that is lost."""

BATCH = 256
"""Spans that are sent at once."""

EVERY = 1.0
"""Seconds until those that are fewer are sent."""

PATIENCE = 5.0
"""Seconds the collector has to take a batch, all tries together."""

FLUSH = 2.0
"""Seconds it has at the end to take what still waits."""

_GIVING_UP = 0.2
"""Seconds until the pause between two tries has noticed its end; a try itself cannot be ended, and is left behind."""

_KINDS = {"server": SpanKind.SERVER, "client": SpanKind.CLIENT}
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_FAILED, _WELL = Status(StatusCode.ERROR), Status()

_log = logging.getLogger("pi_server.tracing")


class Spans:
    """Sends spans in batches from a thread of its own; a collector that is away holds up nobody."""

    def __init__(self, otlp: str, service: str, share: float) -> None:
        """Send to the address ``otlp`` as ``service``; ``share`` of the calls are to have spans."""
        self.share = share
        self._resource = Resource.create({"service.name": service, "service.version": VERSION})
        self._exporter = _Exporter(otlp)
        self._batches = BatchSpanProcessor(self._exporter, MOST, EVERY * 1000, BATCH)
        self._taken = 0
        self._refused = 0

    @property
    def lost(self) -> int:
        """How many spans were not sent: the collector did not take them, or too many waited."""
        return self._refused + self._exporter.lost

    def record(self, span: Span) -> None:
        """Have a span sent; returns at once."""
        if self._taken - self._exporter.tried >= MOST:
            self._refused += 1
            return
        self._taken += 1
        trace = int(span.trace, 16)
        parent = SpanContext(trace, int(span.parent, 16), is_remote=span.kind == "server") if span.parent else None
        self._batches.on_end(
            ReadableSpan(
                span.name,
                SpanContext(trace, int(span.id, 16), is_remote=False, trace_flags=_SAMPLED),
                parent,
                self._resource,
                span.attributes,
                kind=_KINDS[span.kind],
                status=_FAILED if span.failed else _WELL,
                start_time=span.begun,
                end_time=time_ns(),
            )
        )

    async def close(self) -> None:
        """Send what waits, as long as there is patience for it."""
        ending = threading.Thread(target=self._batches.shutdown, name="last spans", daemon=True)
        ending.start()
        await asyncio.to_thread(ending.join, FLUSH)
        if ending.is_alive():
            await asyncio.to_thread(self._exporter.shutdown)  # give up what is being tried
            await asyncio.to_thread(ending.join, _GIVING_UP)
        if missing := self._refused + self._taken - self._exporter.sent:
            _log.warning("%d spans were not sent", missing)


class _Session(Session):
    """Remembers how the last try ended, without the words of errors: those hold addresses."""

    told = ""

    def send(self, request: PreparedRequest, **given: Any) -> Response:
        """As every session."""
        try:
            response = super().send(request, **given)
        except RequestException as error:
            self.told = type(error).__name__
            raise
        self.told = f"status {response.status_code}"
        return response


class _Exporter(OTLPSpanExporter):
    """OpenTelemetry's own, which counts what it could not send, and tells of it once."""

    def __init__(self, otlp: str) -> None:
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # it tells of each try, with addresses
        session = self._tries = _Session()
        session.trust_env = False  # proxies and passwords of the environment are not meant for this
        super().__init__(otlp, timeout=PATIENCE, session=session)
        self._away = False
        self.tried = 0
        self.sent = 0
        self.lost = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Try to send a batch, on the thread of batches."""
        self.tried += len(spans)
        result = super().export(spans)
        away = result is not SpanExportResult.SUCCESS
        if away:
            self.lost += len(spans)
        else:
            self.sent += len(spans)
        if away and not self._away:
            _log.warning("the collector does not take spans (%s); they are lost, and counted", self._tries.told)
        if self._away and not away:
            _log.info("the collector takes spans again; %d were lost", self.lost)
        self._away = away
        return result
