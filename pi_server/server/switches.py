"""Which services were switched on or off by hand: it outlives the server, until the configuration says the same."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from pi_server.config import Config

FILE = "services.json"


@dataclass(frozen=True, slots=True)
class Switch:
    """What counts instead of ``enabled``; ``root`` is where the service would answer."""

    enabled: bool
    root: str


def switches_in(data_dir: Path) -> dict[str, Switch]:
    """By the names of services; none where nothing, or nonsense, was written."""
    try:
        told = json.loads((data_dir / FILE).read_text(encoding="utf-8"))
        return {name: Switch(bool(one["enabled"]), str(one["root"])) for name, one in told.items()}
    except (OSError, ValueError, AttributeError, TypeError, KeyError):
        return {}


def turn(data_dir: Path, name: str, switch: Switch | None) -> None:
    """Write down one switch, or take it away; every worker writes the same.

    Raises:
        OSError: it cannot be written down.
    """
    told = {**switches_in(data_dir), name: switch}
    text = json.dumps({key: {"enabled": one.enabled, "root": one.root} for key, one in told.items() if one}, indent=1)
    data_dir.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile("w", dir=data_dir, prefix=FILE, delete=False, encoding="utf-8") as file:
        file.write(text)
    os.replace(file.name, data_dir / FILE)  # noqa: PTH105 - whole, or not at all


def switched(config: Config, switches: Mapping[str, Switch]) -> Config:
    """The configuration with what was switched by hand."""
    services = {
        name: section.model_copy(update={"enabled": switches[name].enabled}) if name in switches else section
        for name, section in config.services.items()
    }
    return config.model_copy(update={"services": services})
