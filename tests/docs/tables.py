"""The tables that are generated into the documentation: ``python -m tests.docs.tables`` writes them."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from pi_server.config import configuration_reference
from pi_server.config.keys import Key, keys_of
from pi_server.config.units import seconds_text, size_text
from pi_server.providers.credentials import KINDS
from pi_server.providers.settings import RestSettings, SoapSettings
from pi_server.server.metrics.families import FAMILIES, Family
from tests.docs.pages import DOCS

_WRITTEN: Mapping[str, Callable[[Any], str]] = {"time": seconds_text, "size": size_text}


def provider_settings() -> str:
    """The Markdown table of every key of a provider's section."""
    common = {str(key) for key in keys_of(RestSettings)}
    rows = [_row(key, only_soap=str(key) not in common) for key in keys_of(SoapSettings)]
    return "\n".join(("| key | default | meaning |", "|---|---|---|", *rows)) + "\n"


def auth() -> str:
    """The Markdown table of every key of each kind of ``auth``."""
    rows = [_auth_row(kind, key) for kind, model in KINDS.items() for key in keys_of(model) if str(key) != "kind"]
    return "\n".join(("| kind | key | default | meaning |", "|---|---|---|---|", *rows)) + "\n"


def _auth_row(kind: str, key: Key) -> str:
    return f"| `{kind}` {_row(key, only_soap=False)}"


def _row(key: Key, *, only_soap: bool) -> str:
    default: Any = key.schema.get("default")
    written = _WRITTEN.get(key.schema.get("x-kind", ""), _plain)
    told = default not in (None, "", [], {})
    shown = "required" if key.required else f"`{written(default)}`" if told else ""
    return f"| `{key}` | {shown} | {'SOAP only. ' if only_soap else ''}{key.schema['description']} |"


def _plain(value: Any) -> str:
    """As YAML would have it on one line."""
    return str(value).replace("'", "")


_KINDS = {"counter": "counter", "histogram": "histogram", "sum": "gauge, summed", "most": "gauge, the highest"}


def metrics() -> str:
    """The Markdown table of every figure."""
    return "\n".join(("| metric | kind | labels | meaning |", "|---|---|---|---|", *map(_figure, FAMILIES))) + "\n"


def _figure(family: Family) -> str:
    ending = "_total" if family.kind == "counter" else ""
    labels = ", ".join(f"`{label}`" for label in family.labels)
    return f"| `pi_server_{family.name}{ending}` | {_KINDS[family.kind]} | {labels} | {family.help} |"


TABLES: Mapping[str, tuple[str, Callable[[], str]]] = {
    "configuration": ("configuration.md", configuration_reference),
    "auth": ("credentials.md", auth),
    "metrics": ("operating.md", metrics),
    "provider settings": ("writing-plugins.md", provider_settings),
}
"""Where each table stands and what makes it, by the name in its marks."""


def place(name: str) -> re.Pattern[str]:
    """What stands between the marks of a table."""
    return re.compile(rf"(?<=<!-- table: {name} -->\n\n).*?(?=\n<!-- end -->)", re.DOTALL)


def main() -> None:
    """Write every table into its page."""
    for name, (page, table) in TABLES.items():
        path = DOCS / page
        before, after = place(name).split(path.read_text())
        path.write_text(before + table() + after)


if __name__ == "__main__":
    main()
