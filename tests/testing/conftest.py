"""What the tests of this room share."""

from tests.parts.fixtures import rest_provider

__all__ = ["rest_provider"]
