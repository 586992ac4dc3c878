"""The rules of a package's ``files/faults.yaml``, each thing wrong with them told by its line."""

from collections.abc import Collection, Iterator
from difflib import get_close_matches
from pathlib import Path

from pydantic import ValidationError

from pi_server.config import Origins, Problem, problems_from
from pi_server.config.problems import ANY_NAME
from pi_server.config.yaml_text import NotYamlError, read_yaml
from pi_server.discovery.fields import fields_of
from pi_server.discovery.plugin import Failure
from pi_server.domain.service import Service
from pi_server.domain.status_map import StatusMap, Then, When

FAULTS = "files/faults.yaml"

_KNOWN = (
    *(f"faults.{ANY_NAME}.when.{field.alias or name}" for name, field in When.model_fields.items()),
    *(f"faults.{ANY_NAME}.then.{name}" for name in Then.model_fields),
)


def load_status_map(package: Path, cls: type[Service], failures: list[Failure]) -> StatusMap:
    """The rules of the package of ``cls``; none without the file, and none after a failure, which is added."""
    file = package / FAULTS
    if not file.is_file():
        return StatusMap()
    status_map, problems = _read(file, _providers(cls))
    failures += [_failure(problem) for problem in problems]
    return StatusMap() if problems else status_map


def _read(file: Path, providers: Collection[str]) -> tuple[StatusMap, list[Problem]]:
    try:
        given, problems = read_yaml(file.read_text("utf-8"), lambda line: f"{FAULTS}:{line}")
    except (OSError, UnicodeDecodeError) as error:
        return StatusMap(), [Problem("", f"cannot be read: {error}", FAULTS)]
    except NotYamlError as error:
        return StatusMap(), [Problem("", error.reason, f"{FAULTS}:{error.line}")]
    origins = dict(given.walk())
    try:
        status_map = StatusMap.model_validate(given.plain() or {})
    except ValidationError as error:
        return StatusMap(), [*problems, *problems_from(error, (), origins, _KNOWN)]
    return status_map, [*problems, *_strangers(status_map, providers, origins)]


def _strangers(status_map: StatusMap, providers: Collection[str], origins: Origins) -> Iterator[Problem]:
    """Rules about providers that the service does not have: they would never hold."""
    for index, rule in enumerate(status_map.faults):
        name = rule.when.provider
        if name is not None and name not in providers:
            path = ("faults", str(index), "when", "provider")
            close = get_close_matches(name, providers, 1)
            reason = f"the service has no provider {name}"
            yield Problem(".".join(path), reason, origins[path], close[0] if close else None)


def _providers(cls: type[Service]) -> set[str]:
    """The names of the providers of a service and of those nested in it."""
    known = fields_of(cls)
    return {*known.providers}.union(*(_providers(inner) for inner in known.nested.values()))


def _failure(problem: Problem) -> Failure:
    meant = f"; did you mean {problem.suggestion}?" if problem.suggestion else ""
    return Failure("bind", problem.origin, f"{f'{problem.path}: ' if problem.path else ''}{problem.reason}{meant}")
