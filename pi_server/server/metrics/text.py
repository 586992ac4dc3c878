"""Figures as Prometheus reads them; loaded when it first asks."""

from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from pi_server.domain.measured import BOUNDS
from pi_server.server.metrics.families import FAMILIES, Family, Joined

_BOUNDS = [*(f"{bound:g}" for bound in BOUNDS), "+Inf"]


def written(joined: Joined, accept: str) -> tuple[bytes, str]:
    """The text in the form that ``accept`` asks for (OpenMetrics, or Prometheus's own), and its content type."""
    registry = CollectorRegistry()
    registry.register(_Collected(joined))
    encode, kind = choose_encoder(accept)
    return encode(registry), kind


class _Collected(Collector):
    def __init__(self, joined: Joined) -> None:
        self._joined = joined

    def collect(self) -> Iterator[Metric]:
        """Tell each family, also one that has no values yet."""
        for family in FAMILIES:
            values = sorted((labels, value) for (name, labels), value in self._joined.items() if name == family.name)
            yield _metric(family, values)


def _metric(family: Family, values: list[Any]) -> Metric:
    name, labels = f"pi_server_{family.name}", family.labels
    match family.kind:
        case "histogram":
            told = HistogramMetricFamily(name, family.help, labels=labels)
            for own, (*classes, seconds) in values:
                told.add_metric(own, list(zip(_BOUNDS, accumulate(classes), strict=True)), seconds)
            return told
        case "counter":
            counter = CounterMetricFamily(name, family.help, labels=labels)
            for own, value in values:
                counter.add_metric(own, value)
            return counter
        case _:
            gauge = GaugeMetricFamily(name, family.help, labels=labels)
            for own, value in values:
                gauge.add_metric(own, value)
            return gauge
