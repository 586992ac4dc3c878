"""``pi-server new``: a plugin package that works, to be made one's own."""

import builtins
import keyword
import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path
from shlex import quote
from string import Template
from typing import Annotated, Literal

import typer

from pi_server.version import VERSION

Kind = Literal["soap", "rest"]

_TEMPLATES = files("pi_server.cli") / "templates"
_SUFFIX = ".tmpl"  # so that nothing takes a template for the program it will be
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LONGEST = 40
_IMPORTED = {  # what a package's test imports from its service, beside the service itself
    "soap": ("Order", "PlaceOrder", "PlaceOrderResult", "Receipt"),
    "rest": ("Offer", "Price", "PriceEntry", "Wanted"),
}


def new(
    name: Annotated[str, typer.Argument(help="Name of the service in snake case, such as account_withdrawal.")],
    kind: Annotated[Kind, typer.Option(help="What its provider speaks.")] = "soap",
    directory: Annotated[
        Path, typer.Option("--dir", help="Where the package's directory, which has the service's name, is made.")
    ] = Path(),
) -> None:
    """Write a plugin package that passes its own test, and tell what to do with it."""
    _check_name(name)
    target = directory / name
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise typer.BadParameter(f"{target} exists already, and nothing is overwritten", param_hint="NAME")
    try:
        written = write_package(name, kind, target)
    except OSError as error:
        raise typer.BadParameter(f"{error.filename}: {error.strerror}", param_hint="--dir") from None
    typer.echo(f"Wrote {len(written)} files to {target}. Its example asks a {kind.upper()} provider.\n")
    typer.echo(_next_steps(name, kind, target))


def _check_name(name: str) -> None:
    """Refuse a name that would not work as one everywhere: in Python, configuration and packages."""
    from pi_server.discovery.entry_points import discover

    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise _refused(f"{name!r} is no snake case name of at most {_LONGEST} letters, digits and single underscores")
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise _refused(f"{name!r} is a word of Python")
    if name in discover():
        raise _refused(f"a service {name!r} is installed already")
    if find_spec(f"pi_{name}") is not None:
        raise _refused(f"a package pi_{name} is installed already")


def _refused(reason: str) -> typer.BadParameter:
    return typer.BadParameter(reason, param_hint="NAME")


def write_package(name: str, kind: Kind, target: Path) -> list[Path]:
    """Write the package of a valid ``name`` to ``target`` and return its files; OSError when that fails."""
    words = _words(name, kind)
    rendered = {
        target / path.replace("NAME", name): Template(text).substitute(words)
        for folder in ("common", kind)
        for path, text in _files_below(_TEMPLATES / folder)
    }
    for path, text in rendered.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(rendered)


def _files_below(folder: Traversable, prefix: str = "") -> list[tuple[str, str]]:
    """Each template's path without its suffix, and its text."""
    found: list[tuple[str, str]] = []
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            found += _files_below(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(_SUFFIX):
            found.append((prefix + entry.name.removesuffix(_SUFFIX), entry.read_text(encoding="utf-8")))
    return found


def _words(name: str, kind: Kind) -> dict[str, str]:
    """What the templates' placeholders stand for."""
    service = _class_name(name, kind)
    imports = sorted((service, *_IMPORTED[kind]))
    return {
        "name": name,
        "dashed": name.replace("_", "-"),
        "service": service,
        "version": ".".join(VERSION.split(".")[:2]),
        "imports": "\n".join(f"    {imported}," for imported in imports),
        "section": _section(name, kind),
    }


def _class_name(name: str, kind: Kind) -> str:
    """``AccountWithdrawal`` for account_withdrawal; with a suffix where that word is taken or looks like a constant."""
    camel = "".join(part.capitalize() for part in name.split("_"))
    module = (_TEMPLATES / kind / "pi_NAME" / f"service.py{_SUFFIX}").read_text(encoding="utf-8")
    taken = camel.isupper() or hasattr(builtins, camel) or camel in re.findall(r"\w+", module)
    return f"{camel}Service" if taken else camel


def _section(name: str, kind: Kind) -> str:
    """The service's section of the configuration, to be put below ``services:``."""
    text = (_TEMPLATES / f"{kind}.yaml{_SUFFIX}").read_text(encoding="utf-8")
    return Template(text).substitute(name=name).rstrip("\n")


def _next_steps(name: str, kind: Kind, target: Path) -> str:
    return f"""Install it beside pi-server, and run its test:

    pip install -e {quote(f"{target}[test]")}
    pytest {quote(str(target))}

Switch it on in config.yaml:

services:
{_section(name, kind)}

Look whether all is well, and serve it with a stand-in for its provider:

    pi-server check
    pi-server run --sandbox

Then make it yours: {target / f"pi_{name}" / "service.py"}"""
