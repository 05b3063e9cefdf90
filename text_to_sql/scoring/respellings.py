"""Other spellings of a query that must be judged right, to test a scorer with."""

import re
from collections.abc import Iterator
from contextlib import suppress

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from text_to_sql.data.canonical import canonical_sql
from text_to_sql.schema import Schema
from text_to_sql.scoring.compare import MOST_PERMUTED_COLUMNS
from text_to_sql.scoring.query_shape import qualified_tree

_QUOTED = re.compile(r"""('(?:[^']|'')*'|"[^"]*")""")


def respellings(sql: str, schema: Schema) -> Iterator[tuple[str, str]]:
    """Yields (how it is spelt, query) of queries that return the same; a spelling that cannot be made is left out.

    Args:
        sql: one query, its texts in single quotes.
        schema: the tables that it reads.
    """
    tree = sqlglot.parse_one(sql, read="sqlite")
    yield "the same text", sql
    yield "other white space", tree.sql("sqlite", pretty=True)
    yield "lower case", "".join(part if part[:1] in ("'", '"') else part.lower() for part in _QUOTED.split(sql))
    if (qualified := qualified_tree(sql, schema)) is not None:
        yield "every column with its table", qualified.sql("sqlite")
    # It may join in another order; where a LIMIT cuts through rows that tie, SQLite then keeps others of them.
    if not (tree.find(exp.Limit) and tree.find(exp.Join)):
        # It knows what the training data has: no queries in FROM, for example.
        with suppress(SqlglotError, KeyError, AttributeError):
            yield "the canonical spelling", canonical_sql(sql, schema)
    if (swapped := _with_columns_swapped(tree)) is not None:
        yield "columns swapped", swapped.sql("sqlite")


def _with_columns_swapped(tree: exp.Expression) -> exp.Expression | None:
    tree = tree.copy()
    selects = list(_outermost_selects(tree))
    counts = {len(select.expressions) for select in selects}
    order = tree.args.get("order")
    positions = order is not None and any(isinstance(term.this, exp.Literal) for term in order.expressions)
    if counts & {0, 1} or max(counts) > MOST_PERMUTED_COLUMNS or positions:
        return None
    for select in selects:
        select.set("expressions", select.expressions[::-1])
    return tree


def _outermost_selects(tree: exp.Expression) -> Iterator[exp.Select]:
    if isinstance(tree, exp.SetOperation):
        yield from _outermost_selects(tree.this)
        yield from _outermost_selects(tree.expression)
    elif isinstance(tree, exp.Select):
        yield tree
