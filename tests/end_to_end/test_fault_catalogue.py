"""What a consumer is told of a provider's refusal: in its language, and never in the provider's words."""

from typing import Any

import pytest

from pi_exchange_rates.service import ExchangeRates
from pi_server.testing import Serve

TEXTS = {
    "en": "The market has no rates for this currency.",
    "fa": "بازار برای این ارز نرخی ندارد.",
    "fr": "Le marché n'a pas de cours pour cette devise.",
    "zh": "市场没有该货币的汇率。",
}


@pytest.mark.parametrize(
    ("accepted", "language"), [(None, "en"), ("fa-IR,fa;q=0.9", "fa"), ("fr", "fr"), ("zh-CN", "zh"), ("de", "en")]
)
@pytest.mark.parametrize("envelope", ["semantic", "problem", "compat"])
async def test_a_refusal_is_told_in_the_consumers_language(
    serve: Serve, rest_provider: str, envelope: str, accepted: str | None, language: str
) -> None:
    """The text, its language and what the answer depends on; the market said something else."""
    market = {"endpoint": rest_provider, "company": "market"}
    config: dict[str, Any] = {
        "services": {"exchange_rates": {"market": market, "envelope": envelope}},
        "cors": {"origins": ["https://shop.example"]},
    }
    async with serve(ExchangeRates, config=config) as server:
        headers = {**server.headers, **({"Accept-Language": accepted} if accepted else {})}
        async with server.session.get("/api/rates/v1.0/latest/XXX", headers=headers) as response:
            answer = await response.text()
        assert TEXTS[language] in answer
        assert "no such currency" not in answer
        assert response.headers["Content-Language"] == language
        assert {"Accept-Language", "Origin"} <= set(response.headers["Vary"].split(", "))
        assert "no such currency" in server.api_log[1]
