"""What is shipped for deployment, each by its own checker."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pi_server.config import load
from tests.docs.pages import ROOT

DEPLOY = ROOT / "deploy"
BIN = Path(sys.executable).parent


def checked(*command: str | Path) -> str:
    """What a checker says; it must be content."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_image_is_built_as_hadolint_wants_it() -> None:
    """No warning, and none is switched off."""
    assert checked(BIN / "hadolint", ROOT / "Dockerfile") == ""
    assert "hadolint ignore" not in (ROOT / "Dockerfile").read_text()


@pytest.mark.parametrize("file", ["compose/compose.yaml", "swarm/stack.yaml"])
def test_a_stack_fits_the_compose_specification(file: str) -> None:
    """Its schema, no image without a version, and no secret in a variable."""
    checked(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", DEPLOY / file)
    services = yaml.safe_load((DEPLOY / file).read_text())["services"]
    for service in services.values():
        assert re.search(r":\d", service["image"])
        assert "KEYRING" not in str(service.get("environment", {}))


@pytest.mark.parametrize("overlay", ["sqlite", "cluster"])
def test_kubernetes_takes_what_kustomize_renders(overlay: str, tmp_path: Path) -> None:
    """Every resource fits its schema, strictly; the pods have the time that the server's own limits add up to."""
    rendered = tmp_path / "rendered.yaml"
    rendered.write_text(checked("kubectl", "kustomize", DEPLOY / "kubernetes/overlays" / overlay))
    checked(BIN / "kubernetes-validate", "--strict", rendered)
    resources = {one["kind"]: one for one in yaml.safe_load_all(rendered.read_text())}
    pod = resources["Deployment"]["spec"]["template"]["spec"]
    config = tmp_path / "config.yaml"
    config.write_text(resources["ConfigMap"]["data"]["config.yaml"])
    server = load(config, {}).config.server
    assert pod["terminationGracePeriodSeconds"] > (server.pre_stop_delay or 0) + server.drain + 15
    assert pod["securityContext"]["runAsNonRoot"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert ("persistentVolumeClaim" in volumes["data"]) == (overlay == "sqlite")
    assert ("HorizontalPodAutoscaler" in resources) == (overlay == "cluster")


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """But for the program, which is not installed where it is looked for."""
    for name in ("pi-server.service", "pi-server.socket"):
        text = (DEPLOY / "systemd" / name).read_text()
        (tmp_path / name).write_text(re.sub(r"ExecStart=\S+", "ExecStart=/bin/true", text))
    said = checked("systemd-analyze", "verify", tmp_path / "pi-server.service", tmp_path / "pi-server.socket")
    assert "pi-server" not in said


def test_systemd_waits_longer_than_the_server() -> None:
    """`TimeoutStopSec` against the default of `server.drain`."""
    text = (DEPLOY / "systemd/pi-server.service").read_text()
    (seconds,) = re.findall(r"TimeoutStopSec=(\d+)", text)
    assert int(seconds) >= 30 + 15
