"""The stacks for Docker: their schema, and what the server needs of them."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

import pytest
import yaml

from pi_server.config import ServerSection, load
from tests.deploy.checkers import BIN, DEPLOY, WORKER_MEMORY, checked
from tests.docs.pages import ROOT

COMPOSE, SWARM = "compose/compose.yaml", "swarm/stack.yaml"
STACKS = (COMPOSE, SWARM)


def stack(file: str) -> Any:
    """All of it."""
    return yaml.safe_load((DEPLOY / file).read_text())


def server_of(file: str) -> Any:
    """The service that is ours."""
    return stack(file)["services"]["pi-server"]


@pytest.mark.parametrize("file", STACKS)
def test_it_fits_the_compose_specification(file: str) -> None:
    """Its schema, and no image without a version."""
    checked(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", DEPLOY / file)
    assert all(re.search(r":\d", service["image"]) for service in stack(file)["services"].values())


@pytest.mark.parametrize("file", STACKS)
def test_the_server_takes_its_variables(file: str) -> None:
    """With the file it is given; none of them is a secret, and what nginx stands for has no limit of its own."""
    variables = server_of(file)["environment"]
    assert "KEYRING" not in str(variables)
    assert "@" not in str(variables)
    config = load(ROOT / "config.yaml", {name: str(value) for name, value in variables.items()}).config
    (network,) = stack(file)["networks"].values()
    between = ipaddress.ip_network(network["ipam"]["config"][0]["subnet"])
    assert str(between) in config.limits.connections.proxies


@pytest.mark.parametrize("file", STACKS)
def test_the_server_has_time_and_memory(file: str) -> None:
    """As its own limits add up; whether it lives is asked as the image says, and a store may be away."""
    service = server_of(file)
    variables = service["environment"]
    delay = int(variables["PI_SERVER__PRE_STOP_DELAY"].removesuffix("s"))
    assert int(service["stop_grace_period"].removesuffix("s")) > delay + ServerSection().drain + 15
    assert "healthcheck" not in service
    limits = service.get("deploy", {}).get("resources", {}).get("limits", {"memory": "512M"})
    assert int(limits["memory"].removesuffix("M")) << 20 > (variables["PI_SERVER__WORKERS"] + 1) * WORKER_MEMORY


def test_the_image_asks_whether_the_server_lives() -> None:
    """And not whether it is ready: a restart brings no store back."""
    (asked,) = re.findall(r"HEALTHCHECK.*\n.*?127\.0\.0\.1:8080(/\w+)'", (ROOT / "Dockerfile").read_text())
    assert asked == "/livez"


def test_the_image_leaves_the_workers_to_the_configuration() -> None:
    """A command line would win over file and variables."""
    last = (ROOT / "Dockerfile").read_text().splitlines()[-1]
    assert last == 'CMD ["pi-server", "run", "--host", "0.0.0.0"]'


def test_two_servers_never_share_a_volume() -> None:
    """One on each machine, and the old one ends before the new one begins."""
    deploy = server_of(SWARM)["deploy"]
    assert deploy["placement"]["max_replicas_per_node"] == 1
    assert {deploy[name]["order"] for name in ("update_config", "rollback_config")} == {"stop-first"}


def test_nodes_of_redis_keep_their_addresses() -> None:
    """Outside the range from which others are given theirs."""
    found = stack(COMPOSE)
    (network,) = found["networks"]["default"]["ipam"]["config"]
    kept = [
        ipaddress.ip_address(service["networks"]["default"]["ipv4_address"])
        for name, service in found["services"].items()
        if re.fullmatch(r"redis-\d", name)
    ]
    assert len(set(kept)) == 6
    assert all(address in ipaddress.ip_network(network["subnet"]) for address in kept)
    assert not any(address in ipaddress.ip_network(network["ip_range"]) for address in kept)


def test_nginx_is_the_same_in_every_place() -> None:
    """But for where the server is."""
    shipped, inside = (
        (DEPLOY / name).read_text().splitlines() for name in ("nginx/pi-server.conf", "compose/nginx.conf")
    )
    different = [pair for pair in zip(shipped, inside, strict=True) if pair[0] != pair[1]]
    assert [pair[1].strip() for pair in different] == ["server pi-server:8080;"]
