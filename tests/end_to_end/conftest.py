"""What the end-to-end tests share: real providers, each a process of its own."""

from tests.parts.fixtures import rest_provider, soap_provider

__all__ = ["rest_provider", "soap_provider"]
