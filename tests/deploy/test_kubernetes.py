"""What kustomize makes of the shipped overlays: its schema, and what the server needs of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from pi_server.config import load
from tests.deploy.checkers import BIN, DEPLOY, WORKER_MEMORY, checked

OVERLAYS = ("sqlite", "cluster")
VALUES = {
    "keyring": "Wq7vX2nB5kT9sL3pR8mD1fH6jC4gZ0yA",
    "stores/documents": "mongodb://mongo-1,mongo-2/pi?replicaSet=rs0",
    "stores/keys": "redis-1:6379,redis-2:6379",
}
"""What an operator may put into the Secret, by the file it becomes."""


def rendered(overlay: str) -> str:
    """All resources of an overlay."""
    return checked("kubectl", "kustomize", DEPLOY / "kubernetes/overlays" / overlay)


def resources(overlay: str) -> dict[str, Any]:
    """The same, by kind."""
    return {one["kind"]: one for one in yaml.safe_load_all(rendered(overlay))}


def pod_of(found: dict[str, Any]) -> Any:
    """What the Deployment makes."""
    return found["Deployment"]["spec"]["template"]["spec"]


def configured(found: dict[str, Any], folder: Path) -> Path:
    """The file of the ConfigMap, as the pod has it."""
    path = folder / "config.yaml"
    path.write_text(found["ConfigMap"]["data"]["config.yaml"])
    return path


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_resource_fits_its_schema(overlay: str, tmp_path: Path) -> None:
    """Strictly: no field is unknown, no type wrong."""
    (tmp_path / "rendered.yaml").write_text(rendered(overlay))
    checked(BIN / "kubernetes-validate", "--strict", tmp_path / "rendered.yaml")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_pod_may_do_little(overlay: str) -> None:
    """No root, no capability, no writable program, no access to the cluster."""
    pod = pod_of(resources(overlay))
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert not pod["automountServiceAccountToken"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_pod_has_the_time_and_memory_its_server_wants(overlay: str, tmp_path: Path) -> None:
    """As the server's own limits add up."""
    found = resources(overlay)
    server = load(configured(found, tmp_path), {}).config.server
    pod = pod_of(found)
    assert pod["terminationGracePeriodSeconds"] > (server.pre_stop_delay or 0) + server.drain + 15
    limit = pod["containers"][0]["resources"]["limits"]["memory"]
    assert int(limit.removesuffix("Mi")) << 20 > ((server.workers or 0) + 1) * WORKER_MEMORY


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_secrets_land_where_the_server_reads_them(overlay: str, tmp_path: Path) -> None:
    """Each is a file whose path is a key of the configuration, beside it."""
    found = resources(overlay)
    volumes = {one["name"]: one for one in pod_of(found)["volumes"]}
    path = configured(found, tmp_path)
    for item in volumes["secrets"]["secret"]["items"]:
        file = tmp_path / "secrets" / item["path"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(VALUES[item["path"]])
    config = load(path, {}).config
    assert config.keyring
    assert config.stores.documents.startswith("mongodb" if overlay == "cluster" else "sqlite")
    assert ("persistentVolumeClaim" in volumes["data"]) == (overlay == "sqlite")
    mounts = {one["name"]: one["mountPath"] for one in pod_of(found)["containers"][0]["volumeMounts"]}
    assert config.server.data_dir == Path(mounts["data"])
    assert config.logs.dir.is_relative_to(mounts["data"])
    assert mounts["secrets"] == str(Path(mounts["config"]).parent / "secrets")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_cluster_gives_a_pod_no_variables(overlay: str) -> None:
    """Those it makes of a Service called pi-server are none of ours, and would end the start."""
    found = resources(overlay)
    assert found["Service"]["metadata"]["name"] == "pi-server"
    assert pod_of(found)["enableServiceLinks"] is False


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_whoever_restarts_asks_whether_it_lives(overlay: str) -> None:
    """A store that is away is no reason to end a pod, only to send it no requests."""
    (container,) = pod_of(resources(overlay))["containers"]
    assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_only_what_shares_its_state_has_several_pods() -> None:
    """Files of SQLite belong to one pod, which ends before the next begins."""
    one, many = resources("sqlite"), resources("cluster")
    assert one["Deployment"]["spec"]["replicas"] == 1
    assert one["Deployment"]["spec"]["strategy"] == {"type": "Recreate"}
    assert "HorizontalPodAutoscaler" not in one
    assert many["HorizontalPodAutoscaler"]["spec"]["minReplicas"] > many["PodDisruptionBudget"]["spec"]["minAvailable"]
