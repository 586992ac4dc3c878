"""What the tests of this room share."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from pi_server.domain.status_map import StatusMap
from pi_server.providers.build import build_provider
from pi_server.providers.provider import Provider
from pi_server.providers.settings import RestSettings, SoapSettings
from tests.parts.fixtures import rest_provider, soap_provider
from tests.providers.bank import PACKAGE

__all__ = ["rest_provider", "soap_provider"]

Open = Callable[..., Awaitable[Provider]]


@pytest.fixture
async def open_provider() -> AsyncIterator[Open]:
    """Builds providers from their settings and closes them after the test: SOAP ones when a WSDL is given."""
    async with AsyncExitStack() as stack:

        async def build(endpoint: str, status_map: StatusMap | None = None, **section: Any) -> Provider:
            model = SoapSettings if "wsdl" in section else RestSettings
            settings = model.model_validate({"endpoint": endpoint, **section})
            provider = await build_provider(
                settings, files=PACKAGE, field_name="bank", status_map=status_map or StatusMap()
            )
            stack.push_async_callback(provider.close)
            return provider

        yield build
