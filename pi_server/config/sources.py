"""Where values come from: the file, ``secrets/`` beside it, the environment and the command line."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from pi_server.config.given import Given, KeyPath, nested, overlay
from pi_server.config.problems import PREFIX, SECRETS, ConfigError, Problem
from pi_server.config.yaml_text import NotYamlError, read_yaml

COMMAND_LINE: Final = "command line"
FILE_VARIABLE: Final = "PI_CONFIG"
ALIASES: Final[Mapping[str, KeyPath]] = {
    "LOG_FILE_ADDR": ("logs", "dir"),
    "REDIS_URL": ("stores", "keys"),
    "MY_SIMPLE_CONF": ("services", "sample_service", "my_simple_conf"),
    "SERVICE_REQUEST_TIMEOUT_TIME": ("server", "timeout"),
}
SERVICE_ALIAS: Final = "_REQUEST_TIMEOUT_TIME"
_EMPTY: Final = Given({}, "")
_SERVICE_VARIABLE: Final = re.compile(rf"([A-Z][A-Z0-9_]*){SERVICE_ALIAS}")


@dataclass(frozen=True, slots=True)
class Gathered:
    """What the sources gave together, and what could not be understood."""

    given: Given
    problems: tuple[Problem, ...]


def gather(
    path: Path,
    environ: Mapping[str, str],
    overrides: Mapping[str, str],
    services: Collection[str],
    *,
    unread: bool = False,
) -> Gathered:
    """Everything given for the file at ``path``: file < ``secrets/`` < environment < command line.

    Raises ConfigError if the file cannot be read, for then nothing else can be judged; ``unread`` leaves it out.
    """
    problems: list[Problem] = []
    below = _EMPTY if unread else from_file(path, problems)
    below = overlay(below, from_secrets(path.parent / "secrets", problems))
    own = from_environment(environ, below, problems)
    asked = from_command_line(overrides, problems)
    named = {*services, *_services_in(below), *_services_in(own), *_services_in(asked)}
    for layer in (from_aliases(environ, named, problems), own, asked):
        below = overlay(below, layer)
    return Gathered(below, tuple(problems))


def from_file(path: Path, problems: list[Problem]) -> Given:
    """The tree in the file; raises ConfigError if there is no such file, or no YAML mapping in it."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        given, found = read_yaml(text, lambda line: f"{path}:{line}")
    except FileNotFoundError:
        raise _unusable(path, "no such file") from None
    except OSError as error:
        raise _unusable(path, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _unusable(path, "is not UTF-8 text") from None
    except NotYamlError as error:
        raise _unusable(f"{path}:{error.line}", error.reason) from None
    problems += found
    if given.value is None and not found:
        return Given({}, str(path))
    if not isinstance(given.value, dict):
        kind = "a list" if isinstance(given.value, list) else "a single value"
        raise _unusable(path, f"must be a mapping of sections (got {kind})")
    return Given(given.value, str(path))


def from_secrets(folder: Path, problems: list[Problem]) -> Given:
    """One text value for each file below ``folder``; its path is the key's."""
    given = _EMPTY
    try:
        for path in _secret_files(folder, (), frozenset()):
            text = _secret(folder, path, problems)
            given = overlay(given, nested(path, Given(text, _secret_origin(path))))
    except OSError as error:
        problems.append(Problem("", f"cannot be read: {error.strerror}", SECRETS))
    return given


def from_environment(environ: Mapping[str, str], below: Given, problems: list[Problem]) -> Given:
    """The ``PI_A__B__C`` variables; a key that ``below`` spells with capitals or dashes keeps that spelling."""
    given, taken = _EMPTY, dict[KeyPath, str]()
    for name in sorted(environ, key=lambda name: (name.count("__"), name)):  # the more specific one counts
        if not name.upper().startswith(PREFIX) or name.upper() == FILE_VARIABLE:
            continue
        parts = tuple(name[len(PREFIX) :].lower().split("__"))
        path = _spelled(parts, overlay(below, given))
        if not all(parts):
            problems.append(Problem("", "is no variable of this server: PI_SECTION__KEY is expected", name))
        elif path in taken:
            problems.append(Problem(".".join(path), f"given twice (also: {taken[path]})", name))
        else:
            taken[path] = name
            given = overlay(given, nested(path, _value(path, environ[name], name, problems)))
    return given


def from_aliases(environ: Mapping[str, str], services: Collection[str], problems: list[Problem]) -> Given:
    """The variables that have names of their own: ``LOG_FILE_ADDR``, ``<SERVICE>_REQUEST_TIMEOUT_TIME`` and so on."""
    given = _EMPTY
    for name in sorted(environ):
        path = ALIASES.get(name) or _service_timeout(name)
        if path is None:
            continue
        if name not in ALIASES and path[1] not in services:
            problems.extend(_no_service(name, path, services))
        else:
            given = overlay(given, nested(path, Given(environ[name], name)))
    return given


def from_command_line(overrides: Mapping[str, str], problems: list[Problem]) -> Given:
    """The values given as ``--host``, ``--port`` and ``--set a.b.c=value``, by their dotted keys."""
    given = _EMPTY
    for dotted in sorted(overrides, key=lambda dotted: dotted.count(".")):
        path = tuple(dotted.split("."))
        if all(path):
            given = overlay(given, nested(path, _value(path, overrides[dotted], COMMAND_LINE, problems)))
        else:
            problems.append(Problem(dotted, "is no key: a.b.c is expected", COMMAND_LINE))
    return given


def _unusable(place: Path | str, reason: str) -> ConfigError:
    return ConfigError((Problem("", reason, str(place)),))


def _secret_files(folder: Path, path: KeyPath, around: frozenset[Path]) -> Iterator[KeyPath]:
    """Names with a leading dot are no keys: container platforms keep their bookkeeping there."""
    here = folder.resolve()
    if here in around or not here.is_dir():  # a link to a folder around it has no end
        return
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _secret_files(entry, (*path, entry.name), around | {here})
        elif entry.is_file():
            yield (*path, entry.name)


def _secret(folder: Path, path: KeyPath, problems: list[Problem]) -> str:
    try:
        return folder.joinpath(*path).read_text("utf-8-sig").strip()
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        reason = "is not UTF-8 text"
    problems.append(Problem(".".join(path), reason, _secret_origin(path)))
    return ""


def _secret_origin(path: KeyPath) -> str:
    return SECRETS + "/".join(path)


def _spelled(parts: KeyPath, tree: Given) -> KeyPath:
    """``parts`` as the keys that ``tree`` already has are spelled; a variable knows neither case nor dashes."""
    spelled: list[str] = []
    keys = tree.value
    for part in parts:
        known = {key.lower().replace("-", "_"): key for key in keys} if isinstance(keys, dict) else {}
        spelled.append(known.get(part, part))
        keys = keys[spelled[-1]].value if isinstance(keys, dict) and spelled[-1] in keys else None
    return tuple(spelled)


def _value(path: KeyPath, text: str, origin: str, problems: list[Problem]) -> Given:
    """``text`` itself, or what it means in YAML if it begins like a list or a mapping."""
    if not text.lstrip().startswith(("[", "{")):
        return Given(text, origin)
    try:
        given, found = read_yaml(text, lambda _: origin)
    except NotYamlError:  # its words could repeat a part of a secret
        problems.append(Problem(".".join(path), "must be a whole [list] or {mapping: ...}", origin))
        return Given({}, origin)
    problems += [Problem(".".join((*path, *filter(None, (one.path,)))), one.reason, origin) for one in found]
    return given


def _service_timeout(name: str) -> KeyPath | None:
    match = _SERVICE_VARIABLE.fullmatch(name)
    return ("services", match[1].lower(), "timeout") if match and not name.startswith(PREFIX) else None


def _no_service(name: str, path: KeyPath, services: Collection[str]) -> list[Problem]:
    """A misspelt service is told; a variable like no service of ours belongs to another program."""
    close = get_close_matches(path[1], sorted(services), 1)
    meant = [f"{found.upper()}{SERVICE_ALIAS}" for found in close]
    return [Problem(".".join(path), f"there is no service {path[1]}", name, one) for one in meant]


def _services_in(given: Given) -> Collection[str]:
    services = given.value.get("services") if isinstance(given.value, dict) else None
    return services.value if services and isinstance(services.value, dict) else ()
