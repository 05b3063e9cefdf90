"""Which rows of a gold result may swap: those that tie on the sort keys of its outermost ORDER BY.

The sort keys are known by running the gold once more with its keys as further columns. Where that changes the rows,
such as with DISTINCT over other columns, or where a key cannot be told, every row keeps its place.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import sqlglot
from sqlglot import exp

from text_to_sql.errors import TextToSQLError
from text_to_sql.execution.read_only_database import QueryResult
from text_to_sql.scoring.close_values import Row

# Sums of the same numbers in another order differ by a few units in the last place.
_SUMMATION_NOISE = 1e-12


def is_ordered(sql: str) -> bool:
    """Returns whether the outermost query has ORDER BY, by its syntax tree."""
    return sqlglot.parse_one(sql, read="sqlite").args.get("order") is not None


def row_ranks(sql: str, result: QueryResult, execute: Callable[[str], QueryResult]) -> tuple[int, ...] | None:
    """Returns the rank of each row of a gold result, equal for rows that tie; None if its order does not count.

    Args:
        sql: the gold.
        result: what it returned.
        execute: runs a query on the same database.
    """
    if not is_ordered(sql):
        return None
    keys = _sort_keys(sqlglot.parse_one(sql, read="sqlite"), result, execute)
    if keys is None:
        return tuple(range(len(result.rows)))
    ranks = [0]
    for previous, key in pairwise(keys):
        ranks.append(ranks[-1] + (not all(map(_ties, previous, key))))
    return tuple(ranks[: len(keys)])


def _ties(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=_SUMMATION_NOISE)
    return one == other


def _sort_keys(tree: exp.Query, result: QueryResult, execute: Callable[[str], QueryResult]) -> list[Row] | None:
    terms = [ordered.this for ordered in tree.args["order"].expressions]
    if not isinstance(tree, exp.Select):
        return _keys_among_columns(terms, result)
    return _keys_as_further_columns(tree, terms, result, execute)


def _keys_among_columns(terms: Sequence[exp.Expression], result: QueryResult) -> list[Row] | None:
    """Returns the keys of a set operation, whose terms are columns of the result by name or position."""
    names = [name.lower() for name in result.columns]
    indexes = []
    for term in terms:
        if _position(term) is None and term.name.lower() not in names:
            return None
        position = _position(term)
        indexes.append(names.index(term.name.lower()) if position is None else position)
    return [tuple(row[index] for index in indexes) for row in result.rows]


def _keys_as_further_columns(
    select: exp.Select, terms: Sequence[exp.Expression], result: QueryResult, execute: Callable[[str], QueryResult]
) -> list[Row] | None:
    aliases = {item.alias.lower(): item.this for item in select.expressions if isinstance(item, exp.Alias)}
    longer = select.copy()
    positions = [_position(term) for term in terms]
    added = [_key_column(term, aliases) for term, position in zip(terms, positions, strict=True) if position is None]
    longer.set("expressions", [*longer.expressions, *added])
    try:
        rows = execute(longer.sql(dialect="sqlite")).rows
    except TextToSQLError:
        return None
    width = len(result.columns)
    if tuple(row[:width] for row in rows) != result.rows:
        return None
    fixed = [position for position in positions if position is not None]
    return [(*row[width:], *(row[position] for position in fixed)) for row in rows]


def _position(term: exp.Expression) -> int | None:
    """Returns the index of the column that `ORDER BY 2` means; None for any other term."""
    return int(term.this) - 1 if isinstance(term, exp.Literal) and not term.is_string else None


def _key_column(term: exp.Expression, aliases: dict[str, exp.Expression]) -> exp.Expression:
    """Returns what to select for a sort key, with aliases of SELECT, which it may use, written out."""

    def written_out(node: exp.Expression) -> exp.Expression:
        if isinstance(node, exp.Column) and not node.table and node.name.lower() in aliases:
            return aliases[node.name.lower()].copy()
        # Keys that differ only in case tie; the further column would differ.
        if isinstance(node, exp.Collate) and node.expression.name.upper() == "NOCASE":
            return exp.Lower(this=node.this)
        return node

    return term.copy().transform(written_out)
