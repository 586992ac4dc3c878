"""The options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="Configuration file; else PI_CONFIG, else config.yaml in this folder."
    ),
]

Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Set one value, as in logs.level=DEBUG; may be repeated."),
]


def overrides_from(settings: list[str] | None) -> dict[str, str]:
    """The values of ``--set``, by dotted key.

    Raises:
        typer.BadParameter: one of them has no ``=``.
    """
    pairs = [setting.partition("=") for setting in settings or ()]
    for key, equals, _ in pairs:
        if not equals or not key:
            raise typer.BadParameter(f"{key!r} is not of the form KEY=VALUE", param_hint="--set")
    return {key: value for key, _, value in pairs}
