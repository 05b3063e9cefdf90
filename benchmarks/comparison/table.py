"""A table that can be shown on the terminal and in Markdown."""

from dataclasses import dataclass, replace
from typing import Self

from rich.table import Table as RichTable
from tabulate import tabulate

# What stands where there is nothing to show.
MISSING = "–"


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its heading; the first column is text, the others are numbers."""

    title: str
    header: list[str]
    rows: list[list[str]]

    def as_markdown(self) -> str:
        """Returns heading and table as Markdown."""
        alignment = ["left", *["right"] * (len(self.header) - 1)]
        body = tabulate(self.rows, self.header, tablefmt="pipe", disable_numparse=True, colalign=alignment)
        return f"{self.title}\n\n{body}"

    def as_rich(self) -> RichTable:
        """Returns the table for a terminal."""
        table = RichTable(title=self.title, title_justify="left", title_style="bold")
        for number, name in enumerate(self.header):
            table.add_column(name, justify="right" if number else "left")
        for row in self.rows:
            table.add_row(*row)
        return table

    def without_empty_columns(self) -> Self:
        """Returns the table without the columns in which nothing stands."""
        kept = [place for place in range(len(self.header)) if any(row[place] != MISSING for row in self.rows)]
        rows = [[row[place] for place in kept] for row in self.rows]
        return replace(self, header=[self.header[place] for place in kept], rows=rows)
