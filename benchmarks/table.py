"""Figures as Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.rounds import Series, Spread


@dataclass(frozen=True, slots=True)
class Table:
    """A heading, a table and a line of remarks."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    remark: str = ""

    def __str__(self) -> str:
        """The Markdown: the first column is text, the others are numbers."""
        ruler = ["---", *["---:"] * (len(self.columns) - 1)]
        lines = [f"| {' | '.join(cells)} |" for cells in (self.columns, ruler, *self.rows)]
        return "\n".join([f"### {self.title}", "", *lines, *(["", self.remark] if self.remark else [])])


def spread(figure: Spread, digits: int = 0, unit: str = "") -> str:
    """``12 (10-15)``: the median, and between what it lies."""
    return f"{figure.middle:,.{digits}f}{unit} ({figure.low:,.{digits}f}-{figure.high:,.{digits}f})"


def verdict(figure: float, *, at_least: float | None = None, at_most: float | None = None) -> str:
    """The target, and whether it is met."""
    if at_least is not None:
        return f">= {at_least:g}: {'met' if figure >= at_least else 'MISSED'}"
    if at_most is not None:
        return f"<= {at_most:g}: {'met' if figure <= at_most else 'MISSED'}"
    return ""


def race(title: str, ours: Series, peers: Sequence[tuple[Series, float | None]], remark: str = "") -> Table:
    """Our server above its peers, each with how many times better ours is and what was aimed at, if anything."""
    rows = [[ours.name, spread(ours.rate), spread(ours.cpu), "", "", ""]]
    for peer, target in peers:
        ratio = ours.faster_than(peer)
        rows.append(
            [
                peer.name,
                spread(peer.rate),
                spread(peer.cpu),
                spread(ratio, 2, "x"),
                spread(ours.cheaper_than(peer), 2, "x"),
                verdict(ratio.middle, at_least=target),
            ]
        )
    columns = ["server", "answers/s", "CPU us/answer", "ours answers more", "ours costs less CPU", "target"]
    return Table(title, columns, rows, remark)
