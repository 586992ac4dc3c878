"""Interleaved rounds: what disturbs the machine disturbs all contenders alike, so ratios within a round hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.load import Figure, Request, drive


@dataclass(frozen=True, slots=True)
class Contender:
    """A running server, its workers if it is a master, and what it is asked."""

    name: str
    pid: int
    request: Request
    workers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle of several figures, and how far they lie apart."""

    middle: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """The spread of at least one value."""
        return cls(median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Series:
    """All rounds of one contender."""

    name: str
    figures: tuple[Figure, ...]

    @property
    def rate(self) -> Spread:
        """Answers per second."""
        return Spread.of([figure.rate for figure in self.figures])

    @property
    def cpu(self) -> Spread:
        """Microseconds of processor time for each answer."""
        return Spread.of([figure.cpu for figure in self.figures])

    def faster_than(self, other: "Series") -> Spread:
        """How many times the answers per second of ``other``, compared within each round."""
        return Spread.of([a.rate / b.rate for a, b in zip(self.figures, other.figures, strict=True)])

    def cheaper_than(self, other: "Series") -> Spread:
        """How many times less processor time than ``other``, compared within each round."""
        return Spread.of([b.cpu / a.cpu for a, b in zip(self.figures, other.figures, strict=True)])


def interleaved(contenders: Sequence[Contender], rounds: int, seconds: float) -> list[Series]:
    """Load one contender after the other, round after round; before that, warm each up for a second."""
    for contender in contenders:
        drive(contender.request, contender.pid, 1, contender.workers)
    measured = [[drive(c.request, c.pid, seconds, c.workers) for c in contenders] for _ in range(rounds)]
    return [
        Series(contender.name, figures)
        for contender, figures in zip(contenders, zip(*measured, strict=True), strict=True)
    ]
