"""``python -m pi_server.server.daemon.candidate``: try the configuration and the code that lie there now.

Reads a `Question` from standard input, starts as a worker would but for the sockets and stores, and writes an `Answer`.
"""

import asyncio
import os
import sys
from pathlib import Path

from pydantic import BaseModel, SecretStr, field_serializer

from pi_server.config import ConfigError, load
from pi_server.config.overrides import Overrides, opened
from pi_server.discovery.entry_points import discover
from pi_server.server.daemon.order import Order
from pi_server.server.failures import failure_lines
from pi_server.server.rehearsal import rehearse


class Question(BaseModel):
    """Which configuration to try."""

    config: Path
    overrides: Overrides


class Answer(BaseModel):
    """What is wrong, a line each; or nothing, and what was given."""

    problems: list[str] = []
    failures: list[str] = []
    """Plugins that would not be served, which is no reason to refuse unless ``server.strict`` says so."""

    given: SecretStr | None = None

    @field_serializer("given", when_used="json")
    def _opened(self, given: SecretStr | None) -> str | None:
        return None if given is None else given.get_secret_value()


def examine(question: Question) -> Answer:
    """Load, import, bind and mount."""
    try:
        loaded = load(question.config, os.environ, opened(question.overrides), services=discover())
        failed = failure_lines(asyncio.run(rehearse(loaded)).failed)
    except ConfigError as error:
        return Answer(problems=[str(problem) for problem in error.problems])
    if loaded.config.server.strict and failed:
        return Answer(problems=failed)
    return Answer(failures=failed, given=SecretStr(Order.of(loaded).given))


def main() -> None:
    """Answer what standard input asks; a thread that a plugin left behind does not keep the process."""
    answer = examine(Question.model_validate_json(sys.stdin.read()))
    sys.stdout.write(f"\n{answer.model_dump_json()}\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
