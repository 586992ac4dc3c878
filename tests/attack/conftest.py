"""The real provider that the attacks are led against."""

from tests.parts.fixtures import rest_provider

__all__ = ["rest_provider"]
