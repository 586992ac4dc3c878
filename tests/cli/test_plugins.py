"""``pi-server plugin list`` and ``plugin doctor`` among broken plugins."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.made_up import HEALTHY, install
from tests.cli.processes import pi

CONFIG = """\
services:
  made: {enabled: true}
  twin: {enabled: true}
  wrong: {enabled: true, patience: [1]}
  old: {enabled: true}
  raises: {enabled: true}
  needs: {enabled: false}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One healthy plugin among all kinds of broken ones."""
    folder = tmp_path_factory.mktemp("plugins")
    site = folder / "site"
    install(site, "made")
    install(site, "twin")
    install(site, "wrong", HEALTHY.replace("/made", "/wrong"))
    install(site, "old", requires="pi-server (>=99)")
    install(site, "raises", "raise RuntimeError('out\\nof order')")
    install(site, "needs", "import no_such_thing.at_all")
    install(site, "hangs", "import time\ntime.sleep(60)")
    install(site, "dies", "import os\nos._exit(3)")
    install(site, "chatters", f"print('{{}}')\n{HEALTHY.replace('/made', '/chatters')}")
    install(site, "misnamed", value="pi_misnamed:Maid")
    install(site, "misplaced", value="pi_mislaid:Made")
    install(site, "no_service", "Made = dict")
    install(site, "claimed", distribution="pi-first")
    install(site, "claimed", distribution="pi-second")
    (folder / "config.yaml").write_text(CONFIG)
    return folder


@pytest.fixture(scope="module")
def doctor(folder: Path) -> dict[str, tuple[str, ...]]:
    """What the doctor says of each plugin: its verdict, and the lines below."""
    done = pi("plugin", "doctor", "--limit", "1.5", cwd=folder, PYTHONPATH=str(folder / "site"))
    assert (done.returncode, done.stderr) == (1, "")
    said: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        if line.startswith(" "):
            said[[*said][-1]].append(line.strip())
        else:
            verdict, name = line.split()
            said[name] = [verdict]
    return {name: tuple(lines) for name, lines in said.items()}


def test_the_list_tells_state_and_reason(folder: Path) -> None:
    """Every plugin has a row with its state; each reason is one line with phase, path and reason."""
    done = pi("plugin", "list", cwd=folder, PYTHONPATH=str(folder / "site"))
    assert done.returncode == 0
    rows = {line.split()[0]: line.split() for line in done.stdout.splitlines() if ": " not in line}
    assert rows["made"] == ["made", "serving", "1.2", "pi-made", "/made"]
    assert rows["needs"] == ["needs", "disabled", "1.2", "pi-needs", "-"]
    assert rows["hangs"][1] == "disabled"
    assert [rows[name][1] for name in ("twin", "wrong", "old", "raises")] == ["failed"] * 4
    reasons = [line for line in done.stdout.splitlines() if ": " in line]
    assert "twin: bind: services.twin.root: /made belongs to made already" in reasons
    assert any(line.startswith("wrong: bind: services.wrong.patience: ") for line in reasons)
    assert any(line.startswith("old: gate: pi-old: needs pi-server>=99") for line in reasons)
    assert "raises: import: pi_raises:Made: RuntimeError: out\\nof order (pi_raises/__init__.py:1)" in reasons


def test_the_doctor_tries_all_and_finds_the_healthy(doctor: dict[str, tuple[str, ...]]) -> None:
    """Plugins are examined whether enabled or not, and what a plugin prints does not confuse the verdict."""
    assert doctor["made"] == ("ok",)
    assert doctor["chatters"] == ("ok",)
    assert doctor["account_withdrawal"] == ("ok",)


@pytest.mark.parametrize(
    ("name", "reason", "fix"),
    [
        (
            "raises",
            "import: pi_raises:Made: RuntimeError: out\\nof order (pi_raises/__init__.py:1)",
            "python -c 'import pi_raises'",
        ),
        ("needs", "import: pi_needs:Made: ModuleNotFoundError", "pip install no_such_thing,"),
        ("hangs", "import: pi_hangs:Made: did not finish importing within 1.5 s", "lifespan()"),
        ("dies", "import: the process ended with status 3", "import time"),
        ("misnamed", "import: pi_misnamed:Maid: AttributeError", "there is no Maid in pi_misnamed"),
        (
            "misplaced",
            "import: pi_mislaid:Made: ModuleNotFoundError",
            "there is no pi_mislaid: correct the entry point",
        ),
        ("no_service", "import: pi_no_service:Made: is not a subclass of pi_server.Service", "pi_server.Service"),
        ("old", "gate: pi-old: needs pi-server>=99", "let its dependency on pi-server allow"),
        ("claimed", "several packages offer it: pi-first, pi-second", "pip uninstall pi-first or pi-second"),
        ("twin", "bind: services.twin.root: /made belongs to made already", "set services.twin.root"),
        ("wrong", "bind: services.wrong.patience: ", "correct services.wrong.patience"),
    ],
)
def test_the_doctor_names_reason_and_fix(doctor: dict[str, tuple[str, ...]], name: str, reason: str, fix: str) -> None:
    """Each way to fail has its phase, its reason and something to do about it."""
    verdict, said, advice = doctor[name]
    assert verdict == "failed"
    assert reason in said
    assert advice.startswith("fix: ")
    assert fix in advice


def test_the_doctor_works_without_a_configuration(tmp_path: Path) -> None:
    """With no usable configuration imports are still tried, and the reason for doing no more is told."""
    done = pi("plugin", "doctor", cwd=tmp_path)
    assert done.returncode == 0
    assert "ok     sample_service\n" in done.stdout
    assert done.stderr == ("Only imports are tried, for the configuration cannot be used: config.yaml: no such file\n")


def test_a_configured_service_nobody_offers_is_examined_too(tmp_path: Path) -> None:
    """A misspelt name is told with the installed one it resembles."""
    (tmp_path / "config.yaml").write_text("services: {sample_servise: {enabled: true}}")
    done = pi("plugin", "doctor", cwd=tmp_path)
    assert done.returncode == 1
    assert "fix: name it sample_service, or pip install" in done.stdout
