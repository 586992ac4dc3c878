"""``pi-server token create|list|rotate|revoke``: the service tokens that stand in the document store.

A token is told once, alone on standard output, so that it can be piped to where it belongs; words go to standard
error.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Collection, Coroutine
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from pi_server.cli.endings import FAILED, UNAVAILABLE, load_config, stop
from pi_server.cli.options import ConfigFile, Settings, overrides_from
from pi_server.cli.tables import fits, show_table, show_words

if TYPE_CHECKING:
    from pi_server.config import LoadedConfig
    from pi_server.server.tokens import TokenRow

T = TypeVar("T")

_COLUMNS = ("name", "state", "scopes", "reach", "created", "expires", "last used")
_OVERLAP = timedelta(hours=24)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _checked(pattern: str, form: str) -> Callable[[str], str]:
    """A parser of text that has to look like ``pattern``."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text, re.ASCII):
            raise typer.BadParameter(f"{text!r} is not {form}")
        return text

    return check


def _span(text: str) -> timedelta:
    found = re.fullmatch(r"([0-9]{1,9})([smhd])", text, re.ASCII)
    if not found:
        raise typer.BadParameter(f"{text!r} is no time such as 90d, 24h, 30m or 0s")
    try:
        return timedelta(**{_UNITS[found[2]]: int(found[1])})
    except OverflowError:
        raise typer.BadParameter(f"{text} is too long") from None


def _moment(text: str) -> datetime:
    """When a token ends: so long from now, or at a date, which begins at midnight UTC."""
    now = datetime.now(UTC)
    try:
        moment = now + _span(text) if text[-1:] in _UNITS else datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        if moment.astimezone(UTC) > now:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text!r} is neither a time such as 90d nor a date such as 2027-01-31") from None
    raise typer.BadParameter(f"{text} has passed already")


Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="The consumer's name, as the logs tell it.",
        parser=_checked("[A-Za-z0-9][A-Za-z0-9_-]{0,63}", "a name of letters, digits, _ and -, at most 64"),
    ),
]
Scopes = Annotated[
    list[str] | None,
    typer.Option(
        "--scope",
        metavar="SCOPE",
        help="Something the consumer may do; * is everything; may be repeated.",
        parser=_checked("[!-~]{1,100}", "a scope: no spaces, ASCII only"),
    ),
]
Reach = Annotated[
    list[str] | None,
    typer.Option(
        "--reach",
        metavar="SERVICE[.OPERATION]",
        help="A service or operation the token is good for; may be repeated. Without it, all of them.",
        parser=_checked(r"\*|[a-z][a-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*", "a service or service.operation"),
    ),
]
Expires = Annotated[
    datetime | None,
    typer.Option("--expires", metavar="90d|DATE", help="When the token ends; a date begins in UTC.", parser=_moment),
]
Overlap = Annotated[
    timedelta | None,
    typer.Option(
        metavar="24h",
        help="How long the token before stays good beside the new one.",
        show_default="24h",
        parser=_span,
    ),
]


def create(
    name: Name,
    scope: Scopes = None,
    reach: Reach = None,
    expires: Expires = None,
    config: ConfigFile = None,
    settings: Settings = None,
) -> None:
    """Make a token for a consumer and print it, this once; only its digest is kept."""
    from pi_server.server.tokens import create_token

    loaded = load_config(config, overrides_from(settings))
    scopes, reached = scope or [], reach or ["*"]
    _warn_of_unknown(reached, loaded)
    token = _done(create_token(loaded, name, scopes=scopes, reach=reached, expires=expires))
    typer.echo(f"The token of {name}, not shown again; expires: {_time(expires, 'never')}.", err=True)
    typer.echo(f"Scopes: {_listed(scopes)}. Reach: {_listed(reached)}.", err=True)
    typer.echo(token)


def rotate(
    name: Name,
    overlap: Overlap = None,
    expires: Expires = None,
    config: ConfigFile = None,
    settings: Settings = None,
) -> None:
    """Make a second token for a consumer and print it, this once; the first one ends after the overlap."""
    from pi_server.server.tokens import rotate_token

    loaded = load_config(config, overrides_from(settings))
    both = _OVERLAP if overlap is None else overlap
    done = _done(rotate_token(loaded, name, overlap=both, expires=expires))
    ends = _time(done.record.newest.expires, "never")
    typer.echo(f"The new token of {name}, not shown again; expires: {ends}.", err=True)
    typer.echo(f"The token before it is good until {_time(done.until)}.", err=True)
    typer.echo(done.token)


def revoke(name: Name, config: ConfigFile = None, settings: Settings = None) -> None:
    """End all tokens of a consumer at once."""
    from pi_server.server.tokens import revoke_token

    ended = _done(revoke_token(load_config(config, overrides_from(settings)), name))
    typer.echo(f"{name} is revoked; workers refuse it within a second." if ended else f"{name} was revoked already.")


def list_tokens(config: ConfigFile = None, settings: Settings = None) -> None:
    """List the tokens of the configuration and of the store, never the tokens themselves; times are UTC."""
    from pi_server.server.tokens import list_tokens as listed

    rows = [_row(row) for row in _done(listed(load_config(config, overrides_from(settings))))]
    if fits(_COLUMNS, rows):
        show_table(_COLUMNS, rows)
        return
    for name, state, *rest in rows:
        show_words(name, state)
        show_words(" · ".join(f"{column} {cell}" for column, cell in zip(_COLUMNS[2:], rest, strict=True)), indent=7)


def _row(row: TokenRow) -> tuple[str, ...]:
    times = _time(row.created), _time(row.expires, "never"), _time(row.used)
    return row.name, row.state, _listed(row.scopes), _listed(row.reach), *times


def _listed(words: Collection[str]) -> str:
    return ", ".join(words) or "none"


def _time(moment: datetime | None, none: str = "-") -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%MZ}" if moment else none


def _warn_of_unknown(reached: list[str], loaded: LoadedConfig) -> None:
    """A token may be made before its service is installed; a misspelt one would never be good for anything."""
    for one in reached:
        service = one.partition(".")[0]
        if service != "*" and service not in loaded.config.services:
            typer.echo(f"Note: the configuration has no service {service}.", err=True)


def _done(verb: Coroutine[Any, Any, T]) -> T:
    """What the verb gives, or the end of the program with one line of why not."""
    from pi_server.domain.faults import StoreUnavailable
    from pi_server.domain.stores import StoreTooNewError
    from pi_server.server.tokens import TokenRefusedError

    try:
        return asyncio.run(verb)
    except TokenRefusedError as refused:
        stop(FAILED, refused)
    except StoreUnavailable as fault:
        stop(UNAVAILABLE, f"the document store does not answer: {fault.reason}")
    except StoreTooNewError as error:
        stop(UNAVAILABLE, error)
