"""File, secrets, environment and command line: what each may say and which one counts."""

from __future__ import annotations

import json
from functools import reduce
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_server.config import ConfigError, LoadedConfig, explain, load, load_what_fits

if TYPE_CHECKING:
    from tests.config.conftest import Loads, Refuses

LAYERS = ("file", "secrets", "environment", "command line")
KEYS = ("server.port", "server.drain", "logs.status_code_as_string", "services.bank.timeout", "services.bank.mine.deep")
VALUES = {
    "server.port": st.integers(0, 65535).map(str),
    "server.drain": st.integers(1, 999).map("{}s".format),
    "logs.status_code_as_string": st.sampled_from(["true", "false"]),
    "services.bank.timeout": st.integers(1, 999).map("{}ms".format),
    "services.bank.mine.deep": st.text("abc", min_size=1),
}


def told(loaded: LoadedConfig) -> dict[str, tuple[str, str]]:
    """Value and origin by key."""
    return {one.path: (one.value_text, one.origin) for one in explain(loaded)}


@st.composite
def given_values(draw: st.DrawFn) -> dict[str, dict[str, str]]:
    """For some keys, values in some layers."""
    keys = draw(st.lists(st.sampled_from(KEYS), min_size=1, unique=True))
    return {key: draw(st.dictionaries(st.sampled_from(LAYERS), VALUES[key], min_size=1)) for key in keys}


@given(given_values())
def test_the_layer_that_counts_most_wins(values: dict[str, dict[str, str]]) -> None:
    """For every key on its own: file < secrets < environment < command line, and the origin says which."""
    with TemporaryDirectory() as name:
        shown = told(_loaded(Path(name), values))
    for key, layers in values.items():
        top = max(layers, key=LAYERS.index)
        value, origin = shown[key]
        assert _layer(origin) == top
        assert value == ("***" if top == "secrets" else layers[top])


def _loaded(folder: Path, values: dict[str, dict[str, str]]) -> LoadedConfig:
    layers = {layer: {key: had[layer] for key, had in values.items() if layer in had} for layer in LAYERS}
    (folder / "config.yaml").write_text(json.dumps(_nested(layers["file"])))  # JSON is YAML
    for key, value in layers["secrets"].items():
        path = folder.joinpath("secrets", *key.split("."))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f" {value}\n")
    environ = {"PI_" + key.upper().replace(".", "__"): value for key, value in layers["environment"].items()}
    return load(folder / "config.yaml", environ, layers["command line"])


def _nested(values: dict[str, str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in values.items():
        *around, last = key.split(".")
        reduce(lambda here, part: here.setdefault(part, {}), around, tree)[last] = value
    return tree


def _layer(origin: str) -> str:
    if origin.startswith("secrets/"):
        return "secrets"
    if origin.startswith("PI_"):
        return "environment"
    return origin if origin == "command line" else "file"


def test_every_source_leaves_the_neighbours_alone(loads: Loads) -> None:
    """One overridden key keeps the other keys of its section."""
    config = loads(
        "server: {host: 192.0.2.1, port: 1, drain: 9s}",
        {"PI_SERVER__PORT": "2", "PI_SERVER": "{keepalive: 5s, port: 3}"},
        {"server.strict": "true"},
    ).config
    assert (config.server.host, config.server.port, config.server.drain) == ("192.0.2.1", 2, 9)
    assert (config.server.keepalive, config.server.strict) == (5, True)


def test_an_empty_file_is_the_defaults(loads: Loads) -> None:
    """Nothing given means loopback, port 8080 and the directories beside the file."""
    loaded = loads("")
    assert (loaded.config.server.host, loaded.config.server.port) == ("127.0.0.1", 8080)
    assert loaded.config.server.timeout == 15
    assert loaded.config.server.body_limit == 2**20
    assert loaded.config.logs.dir == loaded.base / "var/logs"
    assert {origin for _, origin in told(loaded).values()} == {"default"}


def test_a_section_without_keys_is_an_empty_section(loads: Loads) -> None:
    """A section whose keys are all commented out is no error."""
    config = loads("server:\nlogs:\n  access:\nchains:\ntokens:\nstores:\nservices:\n  bank:\n").config
    assert config.services["bank"].enabled is False
    assert config.chains == {"internal": ("token",), "public": ()}


def test_words_that_older_yaml_reads_as_other_things_stay_text(loads: Loads) -> None:
    """`off`, `no`, times, dates and leading zeros arrive as they are written."""
    text = "docs: off\nlogs: {api_level: OFF, access: {output: off}}\n"
    text += (
        "services: {bank: {a: no, b: 12:30, c: 0042, d: 2026-01-31, 404: e, f: 12e4, g: 1_000, h: 0x10, i: 1.5, j: ~}}"
    )
    config = loads(text).config
    assert (config.docs, config.logs.api_level, config.logs.access.output) == ("off", "off", "off")
    assert config.services["bank"].plugin_keys == {
        "a": "no",
        "b": "12:30",
        "c": "0042",
        "d": "2026-01-31",
        "404": "e",
        "f": "12e4",
        "g": "1_000",
        "h": 16,
        "i": 1.5,
        "j": None,
    }


def test_directories_lie_beside_the_file(folder: Path) -> None:
    """A relative directory is found from the file, an absolute one stays."""
    (folder / "etc").mkdir()
    (folder / "etc" / "pi.yaml").write_text("server: {data_dir: data}\nlogs: {dir: /var/log/pi}\n")
    loaded = load(Path("etc/pi.yaml"), {}, {})
    assert loaded.config.server.data_dir == folder / "etc" / "data"
    assert loaded.config.logs.dir == Path("/var/log/pi")
    assert loaded.origins["logs", "dir"] == "etc/pi.yaml:2"


def test_pi_config_names_the_file(folder: Path) -> None:
    """Without a path the variable counts; with one it does not; in no case is it a key."""
    (folder / "one.yaml").write_text("server: {port: 1}")
    (folder / "two.yaml").write_text("server: {port: 2}")
    environ = {"PI_CONFIG": "one.yaml"}
    assert load(None, environ, {}).config.server.port == 1
    assert load(Path("two.yaml"), environ, {}).config.server.port == 2


@pytest.mark.parametrize("name", ["PI_", "PI___", "PI_SERVER__", "PI___PORT", "PI_SERVER____PORT"])
def test_a_variable_without_a_key_is_refused(refuses: Refuses, name: str) -> None:
    """A name that begins with PI_ is ours; what cannot be a key is told."""
    assert refuses("", {name: "1"}) == [f"{name}: is no variable of this server: PI_SECTION__KEY is expected"]


def test_unknown_variables_are_refused_each_by_name(refuses: Refuses) -> None:
    """Two misspelt variables below one unknown section are two lines."""
    environ = {
        "PI_SEVER__PORT": "1",
        "PI_SEVER__HOST": "h",
        "PI_SERVER__PROT": "1",
        "PI_PORT": "1",
        "PI_SERVER_PORT": "1",
    }
    assert sorted(refuses("", environ)) == [
        "PI_PORT: port: unknown variable; did you mean PI_SERVER__PORT?",
        "PI_SERVER_PORT: server_port: unknown variable; did you mean PI_SERVER__PORT?",
        "PI_SERVER__PROT: server.prot: unknown variable; did you mean PI_SERVER__PORT?",
        "PI_SEVER__HOST: sever.host: unknown variable; did you mean PI_SERVER__HOST?",
        "PI_SEVER__PORT: sever.port: unknown variable; did you mean PI_SERVER__PORT?",
    ]


def test_variables_know_neither_case_nor_dashes(loads: Loads, refuses: Refuses) -> None:
    """A key the file spells in its own way is found by its variable; two spellings of one name are refused."""
    text = f"tokens: {{Mobile-App: {{sha256: {'a' * 64}}}}}\nservices: {{bank: {{endPoint: x}}}}"
    config = loads(text, {"pi_services__Bank__ENDPOINT": "y", "PI_TOKENS__MOBILE_APP__SCOPES": "[a, b]"}).config
    assert config.services["bank"].plugin_keys == {"endPoint": "y"}
    assert config.tokens["Mobile-App"].scopes == ("a", "b")
    twice = refuses("", {"PI_SERVER__PORT": "1", "pi_server__port": "2"})
    assert twice == ["pi_server__port: server.port: given twice (also: PI_SERVER__PORT)"]


def test_a_variable_is_text_unless_it_begins_like_a_list_or_mapping(loads: Loads, refuses: Refuses) -> None:
    """Numbers stay as written; lists and mappings are YAML, and broken ones are told once."""
    environ = {"PI_SERVICES__BANK__A": "0042", "PI_SERVICES__BANK__B": "[1, x]", "PI_SERVICES__BANK__C": " {d: off}"}
    assert loads("", environ).config.services["bank"].plugin_keys == {"a": "0042", "b": [1, "x"], "c": {"d": "off"}}
    told = refuses("", {"PI_SERVER__PORT": "[1", "PI_SERVER": "{a: 1, a: 2}"}, {"logs.mask": "{"})
    assert told == [
        "PI_SERVER: server.a: given twice (first: PI_SERVER)",
        "PI_SERVER__PORT: server.port: must be a whole [list] or {mapping: ...}",
        "command line: logs.mask: must be a whole [list] or {mapping: ...}",
    ]


def test_the_source_documents_names_are_honoured(loads: Loads) -> None:
    """All five names reach their keys."""
    environ = {
        "LOG_FILE_ADDR": "/logs",
        "REDIS_URL": "redis-node-1:7000,redis-node-2:7002",
        "MY_SIMPLE_CONF": "well",
        "SERVICE_REQUEST_TIMEOUT_TIME": "3",
        "BANK_REQUEST_TIMEOUT_TIME": "500ms",
        "INSTALLED_REQUEST_TIMEOUT_TIME": "2s",
    }
    loaded = loads("services: {bank: {}}", environ, services=("installed",))
    config = loaded.config
    assert config.logs.dir == Path("/logs")
    assert config.stores.keys == "redis-node-1:7000,redis-node-2:7002"
    assert config.services["sample_service"].plugin_keys == {"my_simple_conf": "well"}
    assert (config.server.timeout, config.services["bank"].timeout) == (3, 0.5)
    assert config.services["installed"].timeout == 2
    assert told(loaded)["services.bank.timeout"] == ("500ms", "BANK_REQUEST_TIMEOUT_TIME")


@pytest.mark.parametrize("overrides", [{}, {"logs.dir": "/c"}])
def test_a_pi_variable_wins_over_an_alias(loads: Loads, overrides: dict[str, str]) -> None:
    """The server's own name counts more than the inherited one, and the command line more than both."""
    loaded = loads("logs: {dir: /file}", {"LOG_FILE_ADDR": "/a", "PI_LOGS__DIR": "/b"}, overrides)
    assert loaded.config.logs.dir == Path(overrides.get("logs.dir", "/b"))


def test_the_timeout_of_an_unknown_service_is_refused(refuses: Refuses) -> None:
    """A misspelt service in such a variable is told with the right one."""
    told = refuses("services: {bank: {}}", {"BANC_REQUEST_TIMEOUT_TIME": "1s", "_REQUEST_TIMEOUT_TIME": "not ours"})
    reason = "services.banc.timeout: there is no service banc; did you mean BANK_REQUEST_TIMEOUT_TIME?"
    assert told == [f"BANC_REQUEST_TIMEOUT_TIME: {reason}"]


def test_a_key_on_the_command_line_has_no_empty_part(refuses: Refuses) -> None:
    """`--set .port=1` is told as what it is."""
    assert refuses("", {}, {".port": "1"}) == ["command line: .port: is no key: a.b.c is expected"]


def test_secrets_are_files_and_dotted_names_are_not(loads: Loads, folder: Path) -> None:
    """The layout of mounted secrets works: links into a hidden folder, which itself is no key."""
    hidden = folder / "secrets" / "..data" / "bank"
    hidden.mkdir(parents=True)
    (hidden / "password").write_text("hunter2\n")
    (folder / "secrets" / "services").symlink_to(folder / "secrets" / "..data")
    (hidden / "around").symlink_to(folder / "secrets")
    loaded = loads("services: {bank: {password: old}}")
    assert loaded.config.services["bank"].plugin_keys == {"password": "hunter2"}
    assert told(loaded)["services.bank.password"] == ("***", "secrets/services/bank/password")


def test_a_key_ring_is_a_file_with_a_secret_on_each_line(loads: Loads, folder: Path) -> None:
    """So that it can be a secret of the platform, newest first."""
    newest, older = "n" * 20 + "ewest-0123456789", "o" * 20 + "lder-0123456789"
    folder.joinpath("secrets").mkdir()
    folder.joinpath("secrets", "keyring").write_text(f"{newest}\n{older}\n")
    assert [secret.get_secret_value() for secret in loads("").config.keyring] == [newest, older]


def test_secret_files_that_cannot_be_read_are_told(refuses: Refuses, folder: Path) -> None:
    """Bytes that are no text and unknown names are one line each."""
    (folder / "secrets" / "server").mkdir(parents=True)
    (folder / "secrets" / "server" / "host").write_bytes(b"\xff")
    (folder / "secrets" / "README").write_text("about")
    assert refuses("") == [
        "secrets/server/host: server.host: is not UTF-8 text",
        "secrets/README: README: unknown key",
    ]


def test_a_variable_like_no_service_belongs_to_another_program(loads: Loads) -> None:
    """The pattern of the aliases is wide; only what resembles a service of ours is a mistake."""
    loaded = loads("services: {bank: {}}", {"HTTP_REQUEST_TIMEOUT_TIME": "30"}, {})
    assert loaded.config.services["bank"].timeout is None


@pytest.mark.parametrize(
    "text",
    [
        "server: {prot: 1, data_dir: here}\nlogs: {level: LOUD, dir: there}\n",
        "server: {tls: {cert: a.pem}, data_dir: here}\nlogs: {acess: {}, dir: there}\nsever: {}\n",
        "server: {data_dir: here, data_dir: elsewhere, port: x, workers: y}\nlogs: {dir: there}\nchains: 7\n",
        "server: {data_dir: here}\nlogs: {dir: there}\nservices: {a: [1], b: {chain: nobody}}\ntokens: {c.d: {}}\n",
    ],
)
def test_what_fits_is_found_beside_what_does_not(folder: Path, text: str) -> None:
    """Everything wrong is told as by a start, and the rest counts: so a server is found by its folders."""
    (folder / "config.yaml").write_text(text)
    with pytest.raises(ConfigError) as refused:
        load(environ={"PI_SEVER__PORT": "1"})
    found, wrong = load_what_fits(environ={"PI_SEVER__PORT": "1"})
    assert set(refused.value.problems) <= set(wrong)
    assert (found.config.server.data_dir, found.config.logs.dir) == (folder / "here", folder / "there")


def test_what_fits_without_a_file_is_what_variables_say(folder: Path) -> None:
    """A file that is none, or no YAML, leaves the others to count."""
    (folder / "config.yaml").write_text("server: {")
    for path in (None, folder / "none.yaml"):
        found, wrong = load_what_fits(path, environ={"PI_SERVER__DATA_DIR": "here"})
        assert (found.config.server.data_dir, len(wrong)) == (folder / "here", 1)
