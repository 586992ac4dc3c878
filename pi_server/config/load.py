"""From the sources to a ``Config``: everything wrong is told at once, nothing wrong is let through."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache, reduce
from pathlib import Path
from types import MappingProxyType
from typing import Final

from pydantic import ValidationError

from pi_server.config.given import Given, Origins
from pi_server.config.keys import keys_of
from pi_server.config.model import DEFAULT_CHAINS, Config
from pi_server.config.problems import ConfigError, Problem, problems_from
from pi_server.config.sources import FILE_VARIABLE, Gathered, gather

FILE_NAME: Final = "config.yaml"


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A valid configuration, its file, what was given, and the origin of every key of that."""

    config: Config
    path: Path
    base: Path
    origins: Origins = field(repr=False)
    given: Given = field(repr=False)


def load(
    path: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    overrides: Mapping[str, str] = MappingProxyType({}),
    *,
    services: Collection[str] = (),
) -> LoadedConfig:
    """Read the file, ``secrets/`` beside it, the environment and the command line, the last one counting most.

    ``path`` without a value means ``PI_CONFIG``, then ``config.yaml`` in the current directory. ``overrides``
    maps dotted keys to text. ``services`` are the installed ones, beside those the configuration names.
    Relative directories lie beside the file. Raises ConfigError with everything that is wrong.
    """
    where = _place(path, environ)
    return _loaded(gather(where, environ, overrides, services), where)


def load_what_fits(
    path: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    overrides: Mapping[str, str] = MappingProxyType({}),
    *,
    services: Collection[str] = (),
) -> tuple[LoadedConfig, tuple[Problem, ...]]:
    """As `load`, but leaving out what is wrong, which is told beside it.

    For whoever looks for a server that was started while the file was right.
    """
    where = _place(path, environ)
    try:
        gathered = gather(where, environ, overrides, services)
    except ConfigError as error:
        gathered = Gathered(gather(where, environ, overrides, services, unread=True).given, error.problems)
    given, wrong = gathered.given, gathered.problems
    while True:
        try:
            return _loaded(Gathered(given, ()), where), wrong
        except ConfigError as error:
            wrong = (*wrong, *_news(error.problems, wrong))
            paths = dict.fromkeys(tuple(problem.path.split(".")) for problem in error.problems)
            left = reduce(Given.without, paths, given)
            given = left if left != given else Given({}, "")


def _place(path: Path | None, environ: Mapping[str, str]) -> Path:
    return path or Path(environ.get(FILE_VARIABLE) or FILE_NAME)


def load_given(given: Given, path: Path) -> LoadedConfig:
    """What was once given for the file at ``path``, whatever stands there now.  Raises ConfigError if it is wrong."""
    return _loaded(Gathered(given, ()), path)


def _loaded(gathered: Gathered, path: Path) -> LoadedConfig:
    origins = dict(gathered.given.walk())
    config = _validated(gathered, origins)
    base = path.absolute().parent
    return LoadedConfig(_beside(config, base), path, base, MappingProxyType(origins), gathered.given)


def _validated(gathered: Gathered, origins: Origins) -> Config:
    wrong: tuple[Problem, ...] = ()
    try:
        config = Config.model_validate(gathered.given.plain(), context={"chains": _chains(gathered.given)})
    except ValidationError as error:
        wrong = problems_from(error, (), origins, known_keys())
    else:
        if not gathered.problems:
            return config
    raise ConfigError((*gathered.problems, *_news(wrong, gathered.problems)))


def _news(wrong: tuple[Problem, ...], told: tuple[Problem, ...]) -> list[Problem]:
    """A value that could not be read is told once, not again as one of the wrong type."""
    places = {(problem.path, problem.origin) for problem in told}
    return [problem for problem in wrong if (problem.path, problem.origin) not in places]


@cache
def known_keys() -> frozenset[str]:
    """Every dotted key of the configuration; a freely chosen name is ``<name>``."""
    return frozenset(str(key) for key in keys_of(Config))


def _chains(given: Given) -> frozenset[str]:
    chains = given.value.get("chains") if isinstance(given.value, dict) else None
    own = chains.value if chains and isinstance(chains.value, dict) else {}
    return frozenset({*DEFAULT_CHAINS, *own})


def _beside(config: Config, base: Path) -> Config:
    given = config.server
    tls = given.tls and given.tls.model_copy(update={"cert": base / given.tls.cert, "key": base / given.tls.key})
    places = {"data_dir": base / given.data_dir, "unix": given.unix and base / given.unix, "tls": tls}
    logs = config.logs.model_copy(update={"dir": base / config.logs.dir})
    return config.model_copy(update={"server": given.model_copy(update=places), "logs": logs})
