"""The real provider that the attacks are led against."""

from tests.parts.fixtures import rest_provider
from tests.parts.redis import patient

__all__ = ["patient", "rest_provider"]
