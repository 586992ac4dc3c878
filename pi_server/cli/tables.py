"""Tables and words for people: colours on a terminal only, and none with ``NO_COLOR``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_GAP = 2
_ENDLESS = 100_000
_STYLES = {"serving": "green", "ok": "green", "failed": "bold red", "disabled": "dim", "public": "yellow"}


def console() -> Console:
    """Standard output as rich sees it: 80 columns wide where it is no terminal."""
    from rich.console import Console

    return Console(color_system=None if os.environ.get("NO_COLOR") else "auto", highlight=False, markup=False)


def fits(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether a table can be shown without folding a cell."""
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    return sum(widths) + _GAP * (len(widths) - 1) <= console().width


def table_of(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """``rows`` below ``columns``; a cell that is too wide is folded, never cut."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell, _STYLES.get(cell, "")) for cell in row))
    return table


def show_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print `table_of` these; where no terminal sets a width, for a file or another program, no cell is folded."""
    shown = console()
    if not shown.is_terminal:
        shown.width = _ENDLESS
    shown.print(table_of(columns, rows))


def show_words(*words: str, indent: int = 0) -> None:
    """Print one line, unbroken, with the words that tell a state in their colour."""
    from rich.text import Text

    line = Text(" " * indent) + Text(" ").join(Text(word, _STYLES.get(word.strip(), "")) for word in words)
    console().print(line, soft_wrap=True)
