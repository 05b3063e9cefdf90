"""The texts that gold queries compare columns with: what the cells of a database without rows would hold."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

import sqlglot
from sqlglot import exp


def compared_texts(queries: Iterable[str]) -> dict[tuple[str, str], list[str]]:
    """Returns the texts of each (table, column), in the order in which they first occur.

    Args:
        queries: in canonical spelling: a column without a table belongs to the one table of its SELECT.
    """
    texts: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for query in queries:
        for table, column, text in _comparisons(sqlglot.parse_one(query, read="sqlite")):
            texts[table, column][text] = None
    return {key: list(values) for key, values in texts.items()}


def _comparisons(tree: exp.Expression) -> Iterator[tuple[str, str, str]]:
    for comparison in tree.find_all(exp.EQ, exp.NEQ, exp.In):
        column, *others = comparison.this, *_others(comparison)
        if isinstance(column, exp.Column) and (table := _table_of(column)):
            for other in others:
                if isinstance(other, exp.Literal) and other.is_string:
                    yield table, column.name, other.this


def _others(comparison: exp.Expression) -> list[exp.Expression]:
    return comparison.expressions if isinstance(comparison, exp.In) else [comparison.expression]


def _table_of(column: exp.Column) -> str | None:
    select = column.find_ancestor(exp.Select)
    if select is None:
        return None
    tables = [select.args["from_"].this, *(join.this for join in select.args.get("joins") or [])]
    for table in tables:
        if isinstance(table, exp.Table) and column.table.lower() in ("", table.alias_or_name.lower()):
            return table.name
    return None
