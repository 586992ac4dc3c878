"""Where the server listens, how many processes serve, and the limits that hold for every service."""

import ipaddress
import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr

from pi_server.config.section import Empty, Folder, Port, Section
from pi_server.config.units import Duration, Size

Envelope = Literal["semantic", "problem", "compat"]


def cores(value: object) -> object:
    """``auto`` as the number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if value == "auto" else value


class TlsSection(Section):
    """What proves to consumers who this server is."""

    cert: Path = Field(description="PEM file with the certificate and those between it and its authority.")
    key: Path = Field(description="PEM file with its private key.")
    password: SecretStr | None = Field(default=None, description="Password of the private key.")


class ServerSection(Section):
    """Where the server listens and the limits that hold for every service."""

    host: str = Field(
        default="127.0.0.1", min_length=1, description="Address to listen on; 0.0.0.0 is every IPv4 address."
    )
    port: Port = Field(default=8080, description="TCP port to listen on; 0 lets the system choose a free one.")
    unix: Path | None = Field(
        default=None, description="Listen on a unix socket at this path instead, for its owner and group."
    )
    tls: Annotated[TlsSection, Empty] | None = Field(default=None, description="Serve https instead of http.")
    workers: Annotated[int, Field(ge=1, le=256), BeforeValidator(cores)] | None = Field(
        default=None,
        description="Worker processes below a master, which replaces those that end and reloads; `auto` is one for "
        "each core. Without it, one process serves alone.",
    )
    max_requests: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Requests after which a worker is replaced, give or take a tenth."
    )
    memory_limit: Size | None = Field(
        default=None, description="Resident memory beyond which a worker is replaced; without it, none."
    )
    stall: Duration = Field(
        default=30.0, description="How long a worker's event loop may stand still before the master ends it."
    )
    data_dir: Folder = Field(
        default=Path("var"),
        description="Directory of its own files (the embedded stores, its own key), relative to the file.",
    )
    timeout: Duration = Field(
        default=15.0, description="Longest time a call may take, unless a service says otherwise."
    )
    drain: Duration = Field(default=30.0, description="How long a stopping server waits for the calls that still run.")
    pre_stop_delay: Duration | None = Field(
        default=None,
        description="How long a stopping server still accepts connections after it said it is not ready, so that "
        "whoever balances the load looks elsewhere first; without it, not at all.",
    )
    linger: Duration = Field(
        default=2.0,
        description="How long open connections of a stopping server may bring one more request, whose answer tells "
        "them to close.",
    )
    body_limit: Size = Field(default=2**20, description="Largest body accepted from a consumer.")
    keepalive: Duration = Field(default=75.0, description="How long an idle connection of a consumer stays open.")
    https: bool | None = Field(
        default=None,
        description="Whether TLS is in front: cookies are `Secure` and HSTS is sent; without it, unless on loopback.",
    )
    envelope: Envelope = Field(
        default="semantic",
        description="Form of answers: `semantic`, `problem` or `compat`; a service may have its own.",
    )
    strict: bool = Field(
        default=False, description="Refuse to start if an enabled plugin fails, instead of serving the rest."
    )

    production: bool = Field(
        default=False, description="Refuse whatever would answer in place of a provider, and the sandbox's header."
    )

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def secure(self) -> bool:
        """Whether consumers reach the server by https."""
        return self.tls is not None or not self.loopback if self.https is None else self.https
