"""Forty ways to spoil a configuration, each with what its operator has to be told."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

GOOD = """\
server: {port: 0, linger: 100ms}
logs: {access: {output: access.log}}
tokens:
  billing: {sha256: 3b1fa0f5d6d8f0d2a0d4a5f7f7d1c2e86a1c33c9a9b1a7f0a4b2c6d8e0f1a2b3}
services:
  made: {enabled: true}
"""


@dataclass(frozen=True)
class Mutation:
    """What is put in place of a part of `GOOD`, and a part of the line that tells it; what is ``late`` needs stores."""

    part: str
    instead: str
    told: str
    late: bool = False

    @property
    def text(self) -> str:
        """The whole file."""
        assert self.part in GOOD
        return GOOD.replace(self.part, self.instead, 1)


def _server(more: str, told: str) -> Mutation:
    return Mutation("linger: 100ms", more, told)


MUTATIONS = (
    # no YAML, or not the YAML that is meant
    Mutation("server: {port: 0,", "server: {port: 0", "config.yaml:"),
    Mutation("server:", "\tserver:", "config.yaml:1: "),
    Mutation("services:", "services", "config.yaml:"),
    Mutation("logs:", "server:", "config.yaml:2: server: "),
    Mutation(GOOD, "", "ok"),
    Mutation(GOOD, "- server\n", "must be a mapping"),
    Mutation(GOOD, "server\n", "must be a mapping"),
    Mutation("made: {enabled: true}", "made: {enabled: true, enabled: false}", "given twice"),
    Mutation("made: {enabled: true}", "made: *nobody", "config.yaml:6: "),
    Mutation("made: {enabled: true}", "made: [enabled]", "services.made"),
    # keys nobody knows
    Mutation("server:", "sever:", "did you mean server?"),
    _server("prot: 1", "did you mean server.port?"),
    _server("worker: 2", "did you mean server.workers?"),
    Mutation("access:", "acess:", "did you mean logs.access?"),
    Mutation("enabled: true", "enabled: maybe", "services.made.enabled"),
    Mutation("sha256:", "sha265:", "did you mean tokens.billing.sha256?"),
    # values that do not fit
    Mutation("port: 0", "port: -1", "server.port"),
    Mutation("port: 0", "port: 65536", "server.port"),
    Mutation("port: 0", "port: eighty", "server.port"),
    Mutation("port: 0", "port: true", "must be a whole number"),
    Mutation("port: 0", "port: 80.5", "server.port"),
    Mutation("port: 0", "host: ''", "server.host"),
    _server("linger: fast", "must be a time"),
    _server("linger: 0s", "must be a time"),
    _server("linger: 25h", "must be a time"),
    _server("drain: -1", "must be a time"),
    _server("body_limit: 1TB", "must be a size"),
    _server("workers: 0", "server.workers"),
    _server("workers: many", "server.workers"),
    _server("memory_limit: 0", "must be a size"),
    _server("envelope: soap", "server.envelope"),
    _server("strict: perhaps", "server.strict"),
    _server("tls: {cert: a.pem}", "server.tls.key"),
    _server("tls: {cert: a.pem, key: b.pem}", "config.yaml:1: server.tls.cert: "),
    _server("tls: {cert: /dev/null, key: b.pem}", "config.yaml:1: server.tls.key: "),
    _server("tls: {cert: /dev/null, key: /dev/null}", "config.yaml:1: server.tls: is no certificate with its own key"),
    Mutation("output: access.log", "output: ../access.log", "logs.access.output"),
    Mutation("logs: {", "logs: {level: LOUD, ", "logs.level"),
    Mutation("3b1fa0f5", "3b1f", "tokens.billing.sha256"),
    # secrets that are none, and what is found out last
    Mutation(
        "3b1fa0f5d6d8f0d2a0d4a5f7f7d1c2e86a1c33c9a9b1a7f0a4b2c6d8e0f1a2b3",
        hashlib.sha256(b"secret").hexdigest(),
        "config.yaml:4: tokens.billing: is the digest of a token everybody knows",
        late=True,
    ),
    Mutation("services:", "keyring: [changeme]\nservices:", "config.yaml:5: keyring"),
    Mutation(
        "services:",
        "jwt: {keys: {a: {algorithm: HS256, secret: short}}}\nservices:",
        "config.yaml:5: jwt.keys.a",
        late=True,
    ),
    Mutation("services:", "middlewares: {nobody: {}}\nservices:", "config.yaml:5: middlewares.nobody: "),
    # names of what is not there
    Mutation("enabled: true", "enabled: true, chain: secret", "services.made.chain"),
    Mutation("services:", "chains: {internal: [tokn]}\nservices:", "chains.internal"),
    Mutation("services:", "stores: {keys: 'rediss//x'}\nservices:", "stores.keys"),
    Mutation("services:", "stores: {documents: mongo}\nservices:", "stores.documents"),
)
