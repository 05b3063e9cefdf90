"""Wrong neighbours of a query, as models write them: a scorer is as good as it finds them.

A few of them mean the same by chance, such as DISTINCT over a key; so the share that is accepted cannot be zero.
"""

import random
from collections.abc import Callable, Iterator
from typing import Final

import sqlglot
from sqlglot import exp

from text_to_sql.schema import Schema, quoted

_AGGREGATES: Final = {exp.Max: exp.Min, exp.Min: exp.Max, exp.Sum: exp.Avg, exp.Avg: exp.Sum}
_BOUNDS: Final = {exp.GT: exp.GTE, exp.GTE: exp.GT, exp.LT: exp.LTE, exp.LTE: exp.LT}
_REVERSED: Final = {
    exp.GT: exp.LT,
    exp.LT: exp.GT,
    exp.GTE: exp.LTE,
    exp.LTE: exp.GTE,
    exp.EQ: exp.NEQ,
    exp.NEQ: exp.EQ,
}
_SET_OPERATIONS: Final = {exp.Intersect: exp.Union, exp.Union: exp.Intersect, exp.Except: exp.Intersect}


def mutations(sql: str, schema: Schema, rng: random.Random) -> Iterator[tuple[str, str]]:
    """Yields (what was changed, query): of each kind of change that the query allows, one at a random place.

    Args:
        sql: one query.
        schema: the tables that it reads.
        rng: chooses the places.
    """
    for name, change in _CHANGES.items():
        tree = sqlglot.parse_one(sql, read="sqlite")
        before = tree.sql("sqlite")
        # What has a parent can be replaced, the outermost query too.
        parent = exp.Subquery(this=tree)
        changed = _other_column(tree, schema, rng) if change is None else change(tree, rng)
        if changed and parent.this.sql("sqlite") != before:
            yield name, parent.this.sql("sqlite")


def _replace_one(
    tree: exp.Expression, rng: random.Random, kinds: dict[type[exp.Expression], type[exp.Expression]]
) -> bool:
    # Not the conditions of joins: another one there rarely runs in time.
    places = [node for node in tree.find_all(*kinds) if not node.find_ancestor(exp.Join)]
    if not places:
        return False
    place = rng.choice(places)
    place.replace(kinds[type(place)](**place.args))
    return True


def _swap_aggregate(tree: exp.Expression, rng: random.Random) -> bool:
    return _replace_one(tree, rng, _AGGREGATES)


def _move_bound(tree: exp.Expression, rng: random.Random) -> bool:
    return _replace_one(tree, rng, _BOUNDS)


def _reverse_comparison(tree: exp.Expression, rng: random.Random) -> bool:
    return _replace_one(tree, rng, _REVERSED)


def _and_to_or(tree: exp.Expression, rng: random.Random) -> bool:
    return _replace_one(tree, rng, {exp.And: exp.Or, exp.Or: exp.And})


def _drop_condition(tree: exp.Expression, rng: random.Random) -> bool:
    places = list(tree.find_all(exp.Where, exp.Having))
    if not places:
        return False
    place = rng.choice(places)
    if isinstance(place.this, exp.And):
        place.set("this", rng.choice([place.this.this, place.this.expression]))
    else:
        place.pop()
    return True


def _reverse_order(tree: exp.Expression, rng: random.Random) -> bool:
    terms = list(tree.find_all(exp.Ordered))
    if not terms:
        return False
    term = rng.choice(terms)
    term.set("desc", not term.args.get("desc"))
    term.set("nulls_first", not term.args.get("desc"))
    return True


def _drop_clause(name: str) -> Callable[[exp.Expression, random.Random], bool]:
    def drop(tree: exp.Expression, rng: random.Random) -> bool:
        return tree.args.get(name) is not None and tree.set(name, None) is None

    return drop


def _toggle_distinct(tree: exp.Expression, rng: random.Random) -> bool:
    # Groups, one row and a single aggregate are distinct anyway.
    one_row = tree.args.get("group") or tree.args.get("limit") or any(item.find(exp.AggFunc) for item in tree.selects)
    if not isinstance(tree, exp.Select) or one_row:
        return False
    tree.set("distinct", None if tree.args.get("distinct") else exp.Distinct())
    return True


def _toggle_counted_distinct(tree: exp.Expression, rng: random.Random) -> bool:
    counts = [count for count in tree.find_all(exp.Count) if not isinstance(count.this, exp.Star)]
    if not counts:
        return False
    count = rng.choice(counts)
    inner = count.this
    count.set("this", inner.expressions[0] if isinstance(inner, exp.Distinct) else exp.Distinct(expressions=[inner]))
    return True


def _change_limit(tree: exp.Expression, rng: random.Random) -> bool:
    limit = tree.args.get("limit")
    if limit is None or not isinstance(limit.expression, exp.Literal):
        return False
    limit.set("expression", exp.Literal.number(int(limit.expression.this) + 1))
    return True


def _change_number(tree: exp.Expression, rng: random.Random) -> bool:
    numbers = [
        literal
        for literal in tree.find_all(exp.Literal)
        if not literal.is_string and literal.this.isdigit() and literal.find_ancestor(exp.Where, exp.Having)
    ]
    if not numbers:
        return False
    number = rng.choice(numbers)
    number.replace(exp.Literal.number(int(number.this) + rng.choice((-1, 1))))
    return True


def _outer_join(tree: exp.Expression, rng: random.Random) -> bool:
    # A condition on the joined table makes both joins the same.
    if tree.find(exp.Where):
        return False
    joins = [join for join in tree.find_all(exp.Join) if not join.args.get("side") and join.args.get("on")]
    if not joins:
        return False
    rng.choice(joins).set("side", "LEFT")
    return True


def _swap_set_operation(tree: exp.Expression, rng: random.Random) -> bool:
    return _replace_one(tree, rng, _SET_OPERATIONS)


def _other_column(tree: exp.Expression, schema: Schema, rng: random.Random) -> bool:
    """Selects another column of the same table."""
    columns = [column for item in tree.selects for column in item.find_all(exp.Column)]
    if not columns:
        return False
    column = rng.choice(columns)
    owners = [table for table in schema.tables if column.name.lower() in map(str.lower, table.column_names)]
    read = {table.name.lower() for table in tree.find_all(exp.Table)}
    others = [
        name
        for table in owners
        if table.name.lower() in read
        for name in table.column_names
        if name.lower() != column.name.lower()
    ]
    if not others:
        return False
    name = rng.choice(others)
    column.this.replace(exp.to_identifier(name, quoted=quoted(name) != name))
    return True


_CHANGES: Final[dict[str, Callable[[exp.Expression, random.Random], bool] | None]] = {
    "aggregate swapped": _swap_aggregate,
    "> for >=, < for <=": _move_bound,
    "comparison reversed": _reverse_comparison,
    "AND for OR": _and_to_or,
    "condition dropped": _drop_condition,
    "number off by one": _change_number,
    "order reversed": _reverse_order,
    "ORDER BY dropped": _drop_clause("order"),
    "GROUP BY dropped": _drop_clause("group"),
    "DISTINCT dropped or added": _toggle_distinct,
    "COUNT DISTINCT dropped or added": _toggle_counted_distinct,
    "LIMIT off by one": _change_limit,
    "LEFT JOIN for JOIN": _outer_join,
    "set operation swapped": _swap_set_operation,
    "other column": None,
}
