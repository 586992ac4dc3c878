"""Whether a worker should be given requests, and why not."""

from collections.abc import Mapping


class Readiness:
    """Ready, unless something says that it is not."""

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {}

    @property
    def reasons(self) -> Mapping[str, str]:
        """Why it is not ready, by what is not; empty where it is."""
        return self._reasons

    def not_ready(self, name: str, reason: str) -> None:
        """Say that ``name`` is not ready."""
        self._reasons[name] = reason

    def ready(self, name: str) -> None:
        """Say that ``name`` is ready, again or still."""
        self._reasons.pop(name, None)
