"""What the operator is shown: values in effect, origins, masks, and the reference page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from pi_server.config import Config, configuration_reference, explain
from pi_server.config.masks import is_secret_name, without_credentials

if TYPE_CHECKING:
    from tests.config.conftest import Loads

DIGEST = "AB" * 32
TEXT = f"""\
server:
  host: 192.0.2.1
tokens:
  mobile: {{sha256: {DIGEST}, scopes: [pay]}}
logs: {{mask: [accountNo]}}
services:
  token_service:
    bank:
      password: hunter2
      url: https://user:hunter2@bank/ws
      headers: [{{name: a, apiKey: hunter2}}, plain]
      accountNo: hunter2
"""


def test_every_key_in_effect_is_told_with_its_origin(loads: Loads) -> None:
    """Given keys name their line, variable or option; the others are defaults."""
    loaded = loads(TEXT, {"PI_SERVER__PORT": "9000"}, {"server.drain": "5"})
    shown = {one.path: (one.value_text, one.origin) for one in explain(loaded)}
    assert shown["server.host"] == ("192.0.2.1", "config.yaml:2")
    assert shown["server.port"] == ("9000", "PI_SERVER__PORT")
    assert shown["server.drain"] == ("5s", "command line")
    assert shown["server.timeout"] == ("15s", "default")
    assert shown["server.body_limit"] == ("1MiB", "default")
    assert shown["tokens.mobile.scopes"] == ('["pay"]', "config.yaml:4")
    assert shown["chains.internal"] == ('["token"]', "default")


def test_credentials_towards_providers_are_masked(loads: Loads) -> None:
    """Of each kind the secret, also one written where its section should be; what is none stays readable."""
    auths = (
        "{kind: api_key, header: X-Branch, key: hunter2}",
        "{kind: basic, user: us, password: hunter2}",
        "{kind: bearer, token: hunter2}",
        "{kind: oauth2, url: https://login.example/t, client_id: us, client_secret: hunter2}",
        "hunter2",
    )
    text = "services:\n  shop:\n" + "".join(f"    bank{at}: {{auth: {auth}}}\n" for at, auth in enumerate(auths))
    text += "    bank: {proxy_password: hunter2, certificate_key: hunter2, certificate_password: hunter2}\n"
    shown = {one.path.removeprefix("services.shop."): one.value_text for one in explain(loads(text, {}, {}))}
    assert "hunter2" not in "".join(shown.values())
    assert (shown["bank0.auth.kind"], shown["bank0.auth.header"], shown["bank0.auth.key"]) == (
        "api_key",
        "X-Branch",
        "***",
    )
    assert (shown["bank3.auth.url"], shown["bank3.auth.client_id"]) == ("https://login.example/t", "us")


def test_secrets_are_masked_wherever_they_stand(loads: Loads) -> None:
    """By name, in a list, in a URL, as a token's digest, and by a name the operator added."""
    loaded = loads(TEXT, {"REDIS_URL": "rediss://:hunter2@h:6379/0?password=hunter2&db=1"})
    shown = {one.path: one.value_text for one in explain(loaded)}
    assert "hunter2" not in "".join(shown.values())
    assert DIGEST.lower() not in "".join(shown.values()).lower()
    assert shown["tokens.mobile.sha256"] == "***"
    assert shown["stores.keys"] == "rediss://***@h:6379/0?password=***&db=1"
    assert shown["services.token_service.bank.url"] == "https://***@bank/ws"
    assert shown["services.token_service.bank.headers"] == '[{"name": "a", "apiKey": "***"}, "plain"]'
    assert shown["services.token_service.bank.accountNo"] == "***"
    assert "hunter2" not in repr(loaded)


@pytest.mark.parametrize(
    "name", ["password", "DB_PASSWD", "clientSecret", "x-api-key", "key", "tls_key", "pin", "Authorization"]
)
def test_names_of_secrets_are_known(name: str) -> None:
    """The usual spellings of the usual secrets are recognised."""
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["endpoint", "monkey", "pinned", "company", "timeout", "keyboard", "scopes"])
def test_other_names_are_no_secrets(name: str) -> None:
    """A word that only contains a secret's name is shown."""
    assert not is_secret_name(name)


def test_a_url_without_credentials_is_shown_whole() -> None:
    """Only the user part and secret parameters are replaced."""
    assert without_credentials("https://bank/ws?a=b") == "https://bank/ws?a=b"


def test_the_configuration_is_frozen(loads: Loads) -> None:
    """Nothing changes a loaded configuration."""
    with pytest.raises(ValidationError, match="frozen"):
        loads("").config.server.port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("host", "mode"),
    [
        ("127.0.0.1", "public"),
        ("localhost", "public"),
        ("::1", "public"),
        ("192.0.2.1", "guarded"),
        ("pi.example", "guarded"),
    ],
)
def test_documentation_is_public_on_a_loopback_bind_only(loads: Loads, host: str, mode: str) -> None:
    """Without a choice the bind decides; with one the choice counts."""
    assert loads("", {"PI_SERVER__HOST": host}).config.docs_mode == mode
    assert loads("docs: off", {"PI_SERVER__HOST": host}).config.docs_mode == "off"


def test_own_chains_add_to_the_defaults(loads: Loads) -> None:
    """A new chain stands beside the given ones and services may name it; a default may be redefined."""
    config = loads("chains: {api: [jwt], internal: [token, csrf]}\nservices: {bank: {chain: api}}").config
    assert config.chains == {"internal": ("token", "csrf"), "public": (), "api": ("jwt",)}
    assert config.services["bank"].chain == "api"


def test_the_reference_tells_every_key() -> None:
    """Each key has a row with type, default, variable and a description."""
    rows = configuration_reference().splitlines()
    assert "| `server.timeout` | time | `15s` | `PI_SERVER__TIMEOUT`, `SERVICE_REQUEST_TIMEOUT_TIME` |" in "\n".join(
        rows
    )
    assert any(row.startswith("| `server.port` | 0 to 65535 | `8080` | `PI_SERVER__PORT` |") for row in rows)
    assert any(row.startswith("| `services.<name>.operations.<name>.chain` | text |") for row in rows)
    assert any(row.startswith("| `tokens.<name>.sha256` | secret text | required |") for row in rows)
    assert all(row.replace("\\|", "").count("|") == 6 for row in rows)
    assert not any(row.endswith("|  |") for row in rows)
    assert {name for name in Config.model_fields if not any(f"`{name}" in row for row in rows)} == set()
