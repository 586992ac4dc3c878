"""``pi-server startup``: a unit for systemd."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import Annotated

import typer

from pi_server.cli.endings import load_config
from pi_server.cli.options import ConfigFile, Settings, overrides_from

_MARGIN = 20
"""Seconds beyond the longest drain until systemd kills: lifespans, logs."""


def startup(
    config: ConfigFile = None,
    settings: Settings = None,
    user: Annotated[str, typer.Option(help="Who the server runs as.")] = "",
    output: Annotated[Path | None, typer.Option(help="Write it here; else to standard output.")] = None,
) -> None:
    """Write a systemd unit that runs this very installation with this configuration."""
    loaded = load_config(config, overrides_from(settings))
    server, logs = loaded.config.server, loaded.config.logs
    options = "".join(f" --set {setting}" for setting in settings or ())
    workers = "" if server.workers else " --workers auto"
    command = f"{Path(sys.executable).parent / 'pi-server'} run --config {loaded.path.absolute()}{workers}{options}"
    text = _UNIT.format(
        command=command,
        user=user or getpass.getuser(),
        folder=loaded.base,
        stop=round(server.drain + (server.pre_stop_delay or 0)) + _MARGIN,
        written=" ".join(sorted({str(server.data_dir), str(logs.dir)})),
    )
    if output is None:
        typer.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")
        typer.echo(f"{output} is written: systemctl daemon-reload, then systemctl enable --now {output.stem}")


_UNIT = """\
[Unit]
Description=pi-server
Documentation=man:systemd.service(5)
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
ExecStart={command}
ExecReload=/bin/kill -HUP $MAINPID
KillMode=mixed
TimeoutStopSec={stop}
Restart=on-failure
RestartSec=2
RestartPreventExitStatus=78
User={user}
WorkingDirectory={folder}
UMask=0027
LimitNOFILE=65536
NoNewPrivileges=true
PrivateTmp=true
ProtectSystem=strict
ProtectHome=read-only
ReadWritePaths={written}

[Install]
WantedBy=multi-user.target
"""
