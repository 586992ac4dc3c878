"""Values of the command line on their way to another process: secret in every text but the one it reads."""

from collections.abc import Mapping
from typing import Annotated, TypeAlias

from pydantic import PlainSerializer, SecretStr


def opened(overrides: Mapping[str, SecretStr]) -> dict[str, str]:
    """The values themselves, by dotted key."""
    return {key: value.get_secret_value() for key, value in overrides.items()}


Overrides: TypeAlias = Annotated[dict[str, SecretStr], PlainSerializer(opened, when_used="json")]
"""Dotted keys and their values, as a field of a model that is sent as JSON."""
