"""The query for the different short texts of a column."""

from text_to_sql.schema import Column, Table


def may_hold_text(column: Column) -> bool:
    """Returns whether a column can hold text that is no date or number; `others` has no known declared type."""
    return column.type in ("text", "others")


def texts_query(table: Table, column: Column, max_length: int) -> str:
    """Returns the query for the texts of a column that have 1 to `max_length` characters, each once."""
    name = _in_double_quotes(column.name)
    return (
        f"SELECT DISTINCT {name} FROM {_in_double_quotes(table.name)} "  # noqa: S608 (names from the database, quoted)
        f"WHERE typeof({name}) = 'text' AND length({name}) BETWEEN 1 AND {max_length}"
    )


def _in_double_quotes(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
