"""Which tables of a wide schema a question is about, so that the prompt fits."""

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

from text_to_sql.schema import Schema, Table, folded
from text_to_sql.values import ValueMatch
from text_to_sql.words import stems

# A table's own name says more than one of its columns; a cell that the question names says most.
_NAME_WEIGHT, _COLUMN_WEIGHT, _VALUE_WEIGHT = 3.0, 1.0, 5.0
# Of its score, a table lends this share to those that it refers to or that refer to it: joins go through them.
_NEIGHBOUR_SHARE = 0.3


def prune_schema(
    schema: Schema,
    question: str,
    values: Iterable[ValueMatch],
    fits: Callable[[Schema], bool],
    keep: Collection[str] = (),
) -> Schema:
    """Returns the schema without the tables that a question is least about, as few as needed to fit.

    Args:
        schema: all tables.
        question: in English.
        values: cells that the question names.
        fits: whether the prompt of a schema is short enough.
        keep: names of tables that stay whatever the question says.

    Returns:
        `schema` itself if it fits; if nothing fits, the one most likely table, or those of `keep`.
    """
    if fits(schema):
        return schema
    kept = {folded(name) for name in keep}
    # What must stay stands first; of the others, a shorter prompt has fewer.
    ranked = sorted(_ranked(schema, question, values), key=lambda table: folded(table.name) not in kept)
    fewest = max(1, sum(folded(table.name) in kept for table in ranked))
    numbers = range(fewest + 1, len(ranked))
    too_many = bisect_left(numbers, True, key=lambda number: not fits(_only(schema, ranked[:number])))
    return _only(schema, ranked[: fewest + too_many])


def _only(schema: Schema, tables: Iterable[Table]) -> Schema:
    names = {table.name for table in tables}
    return replace(
        schema,
        tables=tuple(table for table in schema.tables if table.name in names),
        foreign_keys=tuple(key for key in schema.foreign_keys if {key.table, key.parent_table} <= names),
    )


def without_table(schema: Schema, name: str) -> Schema:
    """Returns the schema without a table and without the foreign keys from it or to it."""
    return replace(
        schema,
        tables=tuple(table for table in schema.tables if table.name != name),
        foreign_keys=tuple(key for key in schema.foreign_keys if name not in (key.table, key.parent_table)),
    )


def _ranked(schema: Schema, question: str, values: Iterable[ValueMatch]) -> list[Table]:
    """Returns the tables, most likely first."""
    asked = frozenset(stems(question))
    scores = {table.name: _overlap(table, asked) for table in schema.tables}
    for match in values:
        if match.table in scores:
            scores[match.table] += _VALUE_WEIGHT
    own = dict(scores)
    for key in schema.foreign_keys:
        scores[key.table] = max(scores[key.table], own[key.table] + _NEIGHBOUR_SHARE * own[key.parent_table])
        scores[key.parent_table] = max(
            scores[key.parent_table], own[key.parent_table] + _NEIGHBOUR_SHARE * own[key.table]
        )
    return sorted(schema.tables, key=lambda table: -scores[table.name])


def _overlap(table: Table, asked: frozenset[str]) -> float:
    columns = {stem for column in table.column_names for stem in stems(column)}
    return _NAME_WEIGHT * len(asked & set(stems(table.name))) + _COLUMN_WEIGHT * len(asked & columns)
