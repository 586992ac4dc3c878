"""Figures as Prometheus reads them."""

from itertools import pairwise
from typing import Any

from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as open_metrics,  # pyright: ignore[reportUnknownVariableType] - it names no types
)
from prometheus_client.parser import text_string_to_metric_families as plain

from pi_server.domain.measured import BOUNDS
from pi_server.server.metrics.families import FAMILIES, join
from pi_server.server.metrics.text import written

OPEN = "application/openmetrics-text; version=1.0.0"
PLACE = ["shop", '/shop/{id:[^"]+}', "GET"]


def _told(count: int) -> dict[str, Any]:
    return {
        "requests": [[[*PLACE, "200", "nobody"], count]],
        "request_seconds": [[PLACE, [count, *[0] * len(BOUNDS), 0.5]]],
        "memory_bytes": [[[], 10]],
        "memory_most_bytes": [[[], count]],
    }


def test_workers_are_added_up() -> None:
    """Counters, histograms and sums; of what is the most, the highest counts."""
    body, _ = written(join([_told(2), _told(3)]), "")
    samples = {(one.name, one.labels.get("le")): one.value for family in plain(body.decode()) for one in family.samples}
    assert samples["pi_server_requests_total", None] == 5
    assert samples["pi_server_request_seconds_count", None] == 5
    assert samples["pi_server_request_seconds_sum", None] == 1
    assert samples["pi_server_request_seconds_bucket", "+Inf"] == 5
    assert samples["pi_server_memory_bytes", None] == 20
    assert samples["pi_server_memory_most_bytes", None] == 3


def test_both_forms_can_be_read() -> None:
    """OpenMetrics where that is asked for, whatever stands in a path."""
    forms: Any = ((OPEN, open_metrics, "openmetrics"), ("", plain, "text/plain"))
    for accept, read, ending in forms:
        body, kind = written(join([_told(2)]), accept)
        families = {family.name: family for family in read(body.decode())}
        assert ending in kind
        assert families["pi_server_requests"].samples[0].labels["operation"] == PLACE[1]


def test_every_family_is_told_and_in_order() -> None:
    """Also before anything happened; classes of a histogram never fall."""
    body, _ = written(join([_told(2)]), "")
    told = {family.name: family for family in plain(body.decode())}
    assert {f"pi_server_{family.name}" for family in FAMILIES} == set(told)
    values = [one.value for one in told["pi_server_request_seconds"].samples if one.name.endswith("_bucket")]
    assert all(before <= after for before, after in pairwise(values))
