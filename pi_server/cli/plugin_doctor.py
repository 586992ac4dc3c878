"""``pi-server plugin doctor``: try every plugin, enabled or not, and say what would cure it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated

import typer

from pi_server.cli.endings import FAILED
from pi_server.cli.options import ConfigFile, Settings, overrides_from
from pi_server.cli.tables import show_words
from pi_server.config.masks import one_line

if TYPE_CHECKING:
    from pi_server.cli.probe import Finding, Order
    from pi_server.config import LoadedConfig

_GRACE = 10.0
"""Seconds a child process may take beside the import itself."""

_AT_ONCE = 2


def doctor(
    config: ConfigFile = None,
    settings: Settings = None,
    limit: Annotated[float, typer.Option(min=0.1, help="Seconds a plugin may take to import.")] = 10.0,
) -> None:
    """Import every plugin, enabled or not, each in a process of its own, and suggest what to do about failures."""
    from pi_server.cli.probe import Order
    from pi_server.discovery.entry_points import discover

    overrides = overrides_from(settings)
    loaded = _config(config, overrides)
    configured = [name for name, section in loaded.config.services.items() if section.enabled] if loaded else []
    orders = [
        Order.model_validate(
            {"name": name, "limit": limit, "use_config": bool(loaded), "config": config, "overrides": overrides}
        )
        for name in dict.fromkeys([*configured, *discover()])
    ]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        findings = _with_equal_roots(list(pool.map(_examined, orders)))
    for finding in findings:
        _show(finding)
    if any(finding.troubles for finding in findings):
        raise typer.Exit(FAILED)


def _config(config: ConfigFile, overrides: dict[str, str]) -> LoadedConfig | None:
    """The configuration if it can be used: a doctor examines without it, too."""
    from pi_server.config import ConfigError, load
    from pi_server.discovery.entry_points import discover
    from pi_server.server.inbound import check_chains

    try:
        loaded = load(config, os.environ, overrides, services=discover())
        check_chains(loaded)
    except ConfigError as error:
        typer.echo(f"Only imports are tried, for the configuration cannot be used: {error.problems[0]}", err=True)
        return None
    return loaded


def _examined(order: Order) -> Finding:
    """What the child process found, or how it ended."""
    from pi_server.cli.probe import Finding, Trouble

    command = [sys.executable, "-P", "-m", "pi_server.cli.probe"]
    try:
        done = subprocess.run(  # noqa: S603 - this Python, and a module of this package
            command,
            input=order.model_dump_json().encode(),
            capture_output=True,
            timeout=order.limit + _GRACE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        ending = f"did not end within {order.limit + _GRACE:g} s"
    else:
        if done.returncode == 0 and (last := done.stdout.splitlines()[-1:]):
            return Finding.model_validate_json(last[0])
        ending = _ending(done)
    fix = "look for what it does at import time: nothing there may end or block the process"
    return Finding(name=order.name, troubles=(Trouble(reason=f"import: the process {ending}", fix=fix),))


def _ending(done: subprocess.CompletedProcess[bytes]) -> str:
    if done.returncode < 0:
        return f"was ended by {signal.Signals(-done.returncode).name}"
    last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
    return f"ended with status {done.returncode}" + "".join(f": {line}" for line in last)


def _with_equal_roots(findings: list[Finding]) -> list[Finding]:
    """The findings, with trouble for each plugin whose root one before it has."""
    from pi_server.cli.fixes import fix_for
    from pi_server.cli.probe import Trouble
    from pi_server.discovery.plugin import Failure

    owners: dict[str, str] = {}
    checked: list[Finding] = []
    for finding in findings:
        root = finding.root.rstrip("/")
        owner = owners.setdefault(root, finding.name) if finding.root else finding.name
        if owner != finding.name:
            failure = Failure("bind", f"services.{finding.name}.root", f"{finding.root} belongs to {owner} already")
            trouble = Trouble(reason=str(failure), fix=fix_for(failure, None, None))
            finding = finding.model_copy(update={"troubles": (trouble,)})  # noqa: PLW2901 - the finding with its trouble
        checked.append(finding)
    return checked


def _show(finding: Finding) -> None:
    if not finding.troubles:
        show_words(f"{'ok':<6}", finding.name)
        return
    show_words("failed", finding.name)
    for trouble in finding.troubles:
        show_words(one_line(trouble.reason), indent=7)
        show_words(f"fix: {one_line(trouble.fix)}", indent=7)
