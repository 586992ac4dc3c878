"""Everything wrong is told at once, on one clear line each, and never repeats a secret."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError, field_validator

from pi_server.config import ConfigError, Problem, load, problems_from

if TYPE_CHECKING:
    from tests.config.conftest import Refuses

DIGEST = "a" * 64
WRONG = [
    ("sever: {port: 1}", "config.yaml:1: sever: unknown key; did you mean server?"),
    ("server:\n  prot: 1", "config.yaml:2: server.prot: unknown key; did you mean server.port?"),
    ("port: 1", "config.yaml:1: port: unknown key; did you mean server.port?"),
    ("zzzzzz: 1", "config.yaml:1: zzzzzz: unknown key"),
    ("server: {port: many}", "config.yaml:1: server.port: must be a whole number (got many)"),
    ("server: {port: 1.5}", "config.yaml:1: server.port: must be a whole number (got 1.5)"),
    ("server: {port: true}", "config.yaml:1: server.port: must be a whole number (got true)"),
    ("server: {port: }", "config.yaml:1: server.port: must be a whole number (got nothing)"),
    ("server: {port: [1]}", "config.yaml:1: server.port: must be a whole number (got a list)"),
    ("server: {port: 99999}", "config.yaml:1: server.port: must be less than or equal to 65535 (got 99999)"),
    ("server: {port: -1}", "config.yaml:1: server.port: must be greater than or equal to 0 (got -1)"),
    ("server: 5", "config.yaml:1: server: must be a mapping (got 5)"),
    ("server: [a]", "config.yaml:1: server: must be a mapping (got a list)"),
    ("server: {host: ''}", "config.yaml:1: server.host: must not be empty (got )"),
    ("server: {host: 127}", "config.yaml:1: server.host: must be text (got 127)"),
    ("server: {timeout: soon}", "config.yaml:1: server.timeout: must be a time such as 500ms, 3s, 2m or 1.5"),
    ("server: {drain: -3s}", "config.yaml:1: server.drain: must be a time"),
    ("server: {body_limit: 2MB}", "config.yaml:1: server.body_limit: must be a size such as 64KiB, 2MiB"),
    ("server: {strict: maybe}", "config.yaml:1: server.strict: must be true or false (got maybe)"),
    ("server: {data_dir: ''}", "config.yaml:1: server.data_dir: must be the path of a directory"),
    ("server: {data_dir: 7}", "config.yaml:1: server.data_dir: must be"),
    (
        "server: {envelope: soap}",
        "config.yaml:1: server.envelope: must be 'semantic', 'problem' or 'compat' (got soap)",
    ),
    ("logs: {api_level: most}", "config.yaml:1: logs.api_level: must be 'off', 'basic', 'standard' or 'full'"),
    ("logs: {timezone: Mars/Base}", "config.yaml:1: logs.timezone: must be local, UTC or a time zone"),
    ("logs: {timezone: Europe}", "config.yaml:1: logs.timezone: must be local, UTC or a time zone"),
    ("logs: {timezone: /etc/passwd}", "config.yaml:1: logs.timezone: must be local, UTC or a time zone"),
    ("logs: {access: {output: ../x.log}}", "config.yaml:1: logs.access.output: must be stdout, stderr, off or"),
    ("logs: {access: {skip_paths: [ping]}}", "config.yaml:1: logs.access.skip_paths.0: must start with / (got ping)"),
    ("logs: {access: {skip_paths: /ping}}", "config.yaml:1: logs.access.skip_paths: must be a list such as [a, b]"),
    ("logs: {level: loud}", "config.yaml:1: logs.level: must be 'DEBUG', 'INFO', 'WARNING' or 'ERROR' (got LOUD)"),
    ("docs: private", "config.yaml:1: docs: must be 'public', 'guarded' or 'off' (got private)"),
    ("docs: false", "config.yaml:1: docs: must be 'public', 'guarded' or 'off' (got false)"),
    ("chains: {API: [jwt]}", "config.yaml:1: chains.API: must match ^[a-z][a-z0-9_]*$ (got API)"),
    ("chains: {api: [J-W-T]}", "config.yaml:1: chains.api.0: must match ^[a-z_]+$ (got J-W-T)"),
    ("correlation_headers: ['a b']", "config.yaml:1: correlation_headers.0: must match"),
    (
        "stores: {keys: nowhere}",
        "config.yaml:1: stores.keys: must be sqlite, memory, name:port,name:port,... or a redis://",
    ),
    (
        "stores: {keys: 'a:70000'}",
        "config.yaml:1: stores.keys: must be sqlite, memory, name:port,name:port,... or a redis://",
    ),
    (
        "stores: {keys: 'redis://h:x/0'}",
        "config.yaml:1: stores.keys: must be sqlite, memory, name:port,name:port,... or a redis://",
    ),
    ("tokens: {app: {}}", "config.yaml:1: tokens.app.sha256: is missing"),
    ("tokens: {app: {sha256: abc}}", "config.yaml:1: tokens.app.sha256: must be the SHA-256 of the token as 64"),
    (
        f"tokens:\n  a: {{sha256: {DIGEST}}}\n  b: {{sha256: {DIGEST}}}",
        "config.yaml:1: tokens: a and b have the same token",
    ),
    ("services: {Bank-1: {}}", "config.yaml:1: services.Bank-1: must match ^[a-z][a-z0-9_]*$"),
    ("services: {bank: {root: api}}", "config.yaml:1: services.bank.root: must be a path that starts with /"),
    ("services: {bank: {chain: nope}}", "config.yaml:1: services.bank.chain: no such chain; known: internal, public"),
    ("services: {bank: {timeout: 2 days}}", "config.yaml:1: services.bank.timeout: must be a time"),
    (
        "services:\n  b:\n    operations:\n      p: {timout: 3s}",
        "config.yaml:4: services.b.operations.p.timout: unknown key; did you mean services.b.operations.p.timeout?",
    ),
    ("- server", "config.yaml: must be a mapping of sections (got a list)"),
    ("hello", "config.yaml: must be a mapping of sections (got a single value)"),
    ("server:\n  port: 1\n  port: 2", "config.yaml:3: server.port: given twice (first: config.yaml:2)"),
    ("server: {port: 1", "config.yaml:1: is not valid YAML: while parsing a flow mapping, expected ',' or '}'"),
    ("server:\n\tport: 1", "config.yaml:2: is not valid YAML: "),
    ("a: 1\n---\nb: 2", "config.yaml:2: is not valid YAML: "),
    ("server: {port: *x}", "config.yaml:1: is not valid YAML: found undefined alias"),
    ("server: &a {port: 1}\nlogs: {<<: *a}", "config.yaml:2: logs: merge keys (<<) are not supported"),
    ("server: {port: !!python/name:os.system }", "config.yaml:1: server.port: has a tag (!...)"),
    ("server: {port: !!int soon}", "config.yaml:1: server.port: does not fit its tag"),
    (f"server: {{port: {'9' * 5000}}}", "config.yaml:1: server.port: does not fit its tag, or is too long a number"),
    ("? [a, b]\n: 1", "config.yaml:1: a key must be plain text"),
    ("a: &a [*a]", "config.yaml:1: is nested too deeply"),
    ("[" * 5000, "config.yaml:1: is nested too deeply"),
    ("server: {host: \x01}", "config.yaml:1: holds a character that YAML does not allow"),
    ('"a\\nb\\u2028": 1', r"config.yaml:1: a\nb\u2028: unknown key"),
    (b"server: {host: \xff}", "config.yaml: is not UTF-8 text"),
]


@pytest.mark.parametrize(("text", "line"), WRONG, ids=range(len(WRONG)))
def test_each_wrong_file_gets_one_clear_line(refuses: Refuses, text: str | bytes, line: str) -> None:
    """One mistake is one line that names the place, the key and the reason."""
    told = refuses(text)
    assert len(told) == 1
    assert told[0].startswith(line)
    assert told[0].isprintable()
    assert len(told[0]) < 250


def test_everything_wrong_is_told_at_once(refuses: Refuses) -> None:
    """A twice given key, an unknown key, a bad value, a bad variable and a bad option are five lines."""
    told = refuses(
        "server:\n  port: x\n  host: a\n  host: b\nlog: 1\n",
        {"PI_SERVER__DRAIN": "never", "PI_HTPT__PORT": "1"},
        {"server.envelope": "soap"},
    )
    assert sorted(line.split(" must be")[0] for line in told) == [
        "PI_HTPT__PORT: htpt.port: unknown variable; did you mean PI_SERVER__PORT?",
        "PI_SERVER__DRAIN: server.drain:",
        "command line: server.envelope:",
        "config.yaml:2: server.port:",
        "config.yaml:4: server.host: given twice (first: config.yaml:3)",
        "config.yaml:5: log: unknown key; did you mean logs?",
    ]


def test_a_bomb_of_aliases_is_refused(refuses: Refuses) -> None:
    """Aliases that multiply beyond any sensible configuration end in one line, not in used-up memory."""
    levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 12))
    assert refuses(f"l0: &l0 [x]\n{levels}\n")[0].endswith("holds more than 100000 values")


def test_a_missing_file_is_an_error(folder: Path) -> None:
    """Without a file there are no silent defaults."""
    with pytest.raises(ConfigError, match=r"^config\.yaml: no such file$"):
        load(None, {}, {})
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(folder, {}, {})


def test_secret_values_never_appear(refuses: Refuses, folder: Path) -> None:
    """Tokens, store URLs and secret files are refused without being repeated."""
    (folder / "secrets" / "server").mkdir(parents=True)
    (folder / "secrets" / "server" / "port").write_text("hunter2")
    told = refuses(
        "tokens: {app: hunter2, b: {sha256: hunter2}}\nstores: {keys: 'redis://:hunter2@h:x'}\n",
        {"PI_SERVICES__BANK__TIMEOUT": "https://u:hunter2@h", "PI_TOKENS__C__SHA256": "{hunter2"},
    )
    assert len(told) == 6
    assert "hunter2" not in "".join(told)
    assert "secrets/server/port: server.port: must be a whole number" in told


@pytest.mark.parametrize("text", ["a: {password: *hunter2}", "a: {password: !hunter2 }", "a: {password: !hun!ter2 x}"])
def test_a_secret_that_was_not_quoted_does_not_appear(refuses: Refuses, text: str) -> None:
    """A password that begins like YAML syntax is not part of the message about that syntax."""
    assert "ter2" not in "".join(refuses(text))


class Bank(BaseModel):
    """A plugin's part of its section."""

    model_config = ConfigDict(extra="forbid")
    endpoint: str
    password: SecretStr
    tries: int = 1

    @field_validator("password")
    @classmethod
    def _long(cls, value: SecretStr) -> SecretStr:
        raise ValueError(f"{value.get_secret_value()} is too short")


def test_a_plugins_part_is_told_like_the_rest() -> None:
    """The binder gets the same lines, with prefix, origin and suggestion, and without the secret."""
    origins = {("services", "x", "bank"): "config.yaml:3", ("services", "x", "bank", "tries"): "config.yaml:4"}
    with pytest.raises(ValidationError) as caught:
        Bank.model_validate({"endpiont": "e", "password": "hunter2", "tries": "often"})
    told = problems_from(caught.value, ("services", "x", "bank"), origins, Bank.model_fields)
    assert [str(problem) for problem in told] == [
        "config.yaml:3: services.x.bank.endpoint: is missing",
        "config.yaml:3: services.x.bank.password: is not accepted",
        "config.yaml:4: services.x.bank.tries: must be a whole number (got often)",
        "config.yaml:3: services.x.bank.endpiont: unknown key; did you mean services.x.bank.endpoint?",
    ]


def test_a_problem_is_one_line_whatever_it_holds() -> None:
    """Line breaks, colours and stray surrogates in names or values cannot forge a second line."""
    assert str(Problem("a", "b\nc\x1b[31m\udc80\u202e", "o")) == r"o: a: b\nc\x1b[31m\udc80\u202e"
