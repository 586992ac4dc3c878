"""A provider's section of the configuration."""

from typing import Any

import pytest
from pydantic import ValidationError

from pi_server.providers.settings import RestSettings, SoapSettings


def test_a_rest_provider_needs_its_endpoint_only() -> None:
    """Everything but the endpoint has a default, and times and sizes take units."""
    settings = RestSettings.model_validate({"endpoint": "http://market.example", "timeout": "500ms"})
    assert (settings.timeout, settings.connect_timeout, settings.reply_limit) == (0.5, 3.0, 2 * 1024 * 1024)


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "bank.example/ws",
        "ftp://bank.example",
        "http://",
        "http://user:secret@bank.example",
        "http://bank.example/#x",
        "http://bänk.example",
        "http://bank.example/a b",
        "http://bank.example/\r\nX: y",
        "http://bank.example:0",
        "http://bank.example:99999",
    ],
)
def test_endpoints_that_cannot_be_called_are_refused(endpoint: str) -> None:
    """An endpoint is an absolute http or https URL that goes on the wire as it stands."""
    with pytest.raises(ValidationError):
        RestSettings.model_validate({"endpoint": endpoint})


@pytest.mark.parametrize(
    "wrong",
    [
        {"wsdl": "x.wsdl"},
        {"timeout": 0},
        {"reply_limit": "0B"},
        {"connections": 0},
        {"fallbacks": ["http://market.example"]},
        {"fallbacks": ["http://second.example", "http://second.example"]},
        {"fallbacks": ["second.example"]},
        {"timeout_header": "X Left"},
        {"retry": {"times": 6}},
        {"retry": {"statuses": [200]}},
        {"breaker": {"failures": -1}},
        {"breaker": {"kinds": ["fault"]}},
        {"breaker": {"window": 0}},
        {"bulkhead": {"wait": 0}},
        {"bulkhead": {"slots": 1}},
        {"pace": {"requests": -1}},
        {"pace": "100/minute"},
        {"headers": {"X-Key": "a\r\nHost: evil"}},
        {"headers": {"X Key": "a"}},
        {"headers": {"X-Key": ""}},
    ],
)
def test_sections_with_mistakes_are_refused(wrong: dict[str, Any]) -> None:
    """Unknown keys, quantities of nothing and headers that break a request do not pass."""
    with pytest.raises(ValidationError):
        RestSettings.model_validate({"endpoint": "http://market.example", **wrong})


def test_a_soap_provider_needs_a_wsdl() -> None:
    """The WSDL has no default."""
    with pytest.raises(ValidationError, match="wsdl"):
        SoapSettings.model_validate({"endpoint": "http://bank.example"})
