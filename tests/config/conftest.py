"""A folder with a ``config.yaml`` and the few words needed to load it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import pytest

from pi_server.config import ConfigError, LoadedConfig, load

NOTHING: Mapping[str, str] = {}


class Loads(Protocol):
    """Loads a configuration text, with an environment and a command line."""

    def __call__(
        self,
        text: str | bytes = "",
        environ: Mapping[str, str] = NOTHING,
        overrides: Mapping[str, str] = NOTHING,
        *,
        services: tuple[str, ...] = (),
    ) -> LoadedConfig:
        """Load ``text``."""
        ...


class Refuses(Protocol):
    """The lines told for a configuration text that is refused."""

    def __call__(
        self,
        text: str | bytes = "",
        environ: Mapping[str, str] = NOTHING,
        overrides: Mapping[str, str] = NOTHING,
    ) -> list[str]:
        """Load ``text`` and return the lines."""
        ...


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, where ``config.yaml`` lies."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def loads(folder: Path) -> Loads:
    """Write the text as ``config.yaml`` and load it."""

    def call(
        text: str | bytes = "",
        environ: Mapping[str, str] = NOTHING,
        overrides: Mapping[str, str] = NOTHING,
        *,
        services: tuple[str, ...] = (),
    ) -> LoadedConfig:
        (folder / "config.yaml").write_bytes(text.encode() if isinstance(text, str) else text)
        return load(None, environ, overrides, services=services)

    return call


@pytest.fixture
def refuses(loads: Loads) -> Refuses:
    """Load the text, which must be refused, and return one line for each problem."""

    def call(
        text: str | bytes = "",
        environ: Mapping[str, str] = NOTHING,
        overrides: Mapping[str, str] = NOTHING,
    ) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            loads(text, environ, overrides)
        return [str(problem) for problem in caught.value.problems]

    return call
