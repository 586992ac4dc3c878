"""Which of several languages somebody reads."""

from collections.abc import Sequence

_LONGEST = 1000  # characters of a list that are looked at


def chosen(accepted: str, offered: Sequence[str]) -> str:
    """The language of ``offered`` that ``accepted`` (as in Accept-Language) likes best; the first where it says none.

    A language is good for its own dialects and they for it: ``zh`` for ``zh-CN``, and the other way round.
    """
    wanted = sorted(_weighed(accepted[:_LONGEST]), key=lambda one: -one[1])  # stable: of equals the first counts
    found = (_nearest(language, offered) for language, weight in wanted if weight > 0)
    return next(filter(None, found), offered[0])


def _weighed(accepted: str) -> list[tuple[str, float]]:
    parts = (part.partition(";") for part in accepted.lower().split(","))
    return [(language.strip(), _weight(more)) for language, _, more in parts if language.strip()]


def _weight(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


def _nearest(language: str, offered: Sequence[str]) -> str | None:
    """The language itself, or else one that shares its beginning; any for ``*``."""
    if language == "*":
        return offered[0]
    exact = (own for own in offered if own.lower() == language)
    related = (own for own in offered if own.lower().partition("-")[0] == language.partition("-")[0])
    return next(exact, None) or next(related, None)
