"""One spelling for every gold query, so that a small model has one thing to learn and a grammar one thing to allow.

Beyond what sqlglot unifies: each column has its table's name in front, no table has an alias but where it occurs
twice, joins follow the columns of SELECT, plain columns stand before aggregates, and ASC is left out. The table's name
says where a column comes from at the moment when the model writes it, in the words of the prompt; of an alias, or of no
name at all, it would have to know a clause that it has not written yet.
"""

from collections.abc import Iterator, Mapping

import sqlglot
from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from text_to_sql.schema import Schema, quoted


def canonical_sql(sql: str, schema: Schema) -> str:
    """Returns the query in canonical spelling; its result stays the same bag of rows, columns may change places.

    Args:
        sql: one query that SQLite can run on `schema`.
        schema: spells the names of tables and columns.

    Raises:
        sqlglot.errors.SqlglotError: it is no SQL.
    """
    tree = sqlglot.parse_one(sql, read="sqlite")
    scopes = [scope for scope in traverse_scope(tree) if isinstance(scope.expression, exp.Select)]
    columns = _columns_by_table(schema)
    for scope in scopes:
        _spell_tables(scope, schema)
    for scope in scopes:
        _qualify(scope, columns)
    for scope, aliases in [(scope, _needless_aliases(scope, scopes)) for scope in scopes]:
        for alias in aliases:
            _drop_alias(scope, alias)
    for scope in scopes:
        _order_columns(scope.expression, tree)
        _order_joins(scope.expression)
        _group_by_selected_table(scope.expression)
    for ordered in tree.find_all(exp.Ordered):
        # Ascending is what SQL takes where nothing stands.
        ordered.set("desc", ordered.args.get("desc") or None)
    return tree.sql(dialect="sqlite")


def _columns_by_table(schema: Schema) -> dict[str, dict[str, str]]:
    return {table.name.lower(): {name.lower(): name for name in table.column_names} for table in schema.tables}


def _own_columns(scope: Scope) -> Iterator[exp.Column]:
    """Yields the columns that stand in this SELECT and not in one inside it."""
    for column in scope.expression.find_all(exp.Column):
        if column.find_ancestor(exp.Select) is scope.expression:
            yield column


def _tables(scope: Scope) -> dict[str, exp.Table]:
    """Returns the tables of the FROM clause by the name that columns call them, in lower case and in their order."""
    return {name.lower(): source for name, source in scope.sources.items() if isinstance(source, exp.Table)}


def _selects_around(scope: Scope) -> Iterator[Scope]:
    current: Scope | None = scope
    while current is not None:
        if isinstance(current.expression, exp.Select):
            yield current
        current = current.parent


def _spell_tables(scope: Scope, schema: Schema) -> None:
    names = {table.name.lower(): table.name for table in schema.tables}
    for table in _tables(scope).values():
        table.set("this", _identifier(names[table.name.lower()]))


def _qualify(scope: Scope, columns: Mapping[str, Mapping[str, str]]) -> None:
    """Gives each column its source's name, where it has none the innermost that has such a column; spells both."""
    for column in _own_columns(scope):
        source = _source_of(column, scope, columns)
        if source is not None:
            column.set("this", _identifier(columns[source.name.lower()][column.name.lower()]))
            column.set("table", _identifier(source.alias_or_name))


def _source_of(column: exp.Column, scope: Scope, columns: Mapping[str, Mapping[str, str]]) -> exp.Table | None:
    """Returns the table that a column belongs to; None for the name of a column of SELECT."""
    for around in _selects_around(scope):
        for name, table in _tables(around).items():
            if column.table.lower() in ("", name) and column.name.lower() in columns[table.name.lower()]:
                return table
    return None


def _identifier(name: str) -> exp.Identifier:
    return exp.to_identifier(name, quoted=quoted(name) != name)


def _needless_aliases(scope: Scope, scopes: list[Scope]) -> list[str]:
    """Returns the aliases of tables that occur once, unless a SELECT around or inside uses the same table."""
    tables = _tables(scope)
    names = [table.name.lower() for table in tables.values()]
    related = [other for other in scopes if other is not scope and _encloses(other, scope)]
    taken = {table.name.lower() for other in related for table in _tables(other).values()}
    correlated = any(_refers_outside(other) for other in [*related, scope])
    return [
        alias
        for alias, table in tables.items()
        if table.alias and names.count(table.name.lower()) == 1 and not (correlated and table.name.lower() in taken)
    ]


def _encloses(one: Scope, other: Scope) -> bool:
    return one in _selects_around(other) or other in _selects_around(one)


def _refers_outside(scope: Scope) -> bool:
    own = _tables(scope)
    return any(column.table and column.table.lower() not in own for column in _own_columns(scope))


def _drop_alias(scope: Scope, alias: str) -> None:
    table = _tables(scope)[alias]
    table.set("alias", None)
    for column in scope.expression.find_all(exp.Column):
        if column.table.lower() == alias:
            column.set("table", _identifier(table.name))


def _order_columns(select: exp.Select, tree: exp.Expression) -> None:
    """Puts plain columns before aggregates in the outermost SELECT, where the order of columns does not matter."""
    if select is not tree:
        return
    plain = [column for column in select.expressions if not column.find(exp.AggFunc)]
    aggregates = [column for column in select.expressions if column.find(exp.AggFunc)]
    select.set("expressions", plain + aggregates)


def _order_joins(select: exp.Select) -> None:
    """Begins with the table of the first column, and goes on along the conditions; only inner joins on one equality."""
    joins = select.args.get("joins") or []
    if not joins or not all(_is_plain(join) for join in joins):
        return
    tables = {
        table.alias_or_name.lower(): table for table in (select.args["from_"].this, *(join.this for join in joins))
    }
    first = next((name for name in _selected_tables(select) if name in tables), next(iter(tables)))
    path = _join_path(first, [join.args["on"] for join in joins])
    if path is not None and len(path) == len(tables) - 1:
        select.args["from_"].set("this", tables[first])
        select.set("joins", [exp.Join(this=tables[name], on=condition) for name, condition in path])


def _selected_tables(select: exp.Select) -> list[str]:
    return [column.table.lower() for expression in select.expressions for column in expression.find_all(exp.Column)]


def _join_path(first: str, conditions: list[exp.EQ]) -> list[tuple[str, exp.EQ]] | None:
    """Returns (table, condition) in the order of joining, the table that is there already on the left; None if none."""
    there, path = {first}, []
    while conditions:
        condition = next((one for one in conditions if (_left(one) in there) != (_right(one) in there)), None)
        if condition is None:
            return None
        conditions.remove(condition)
        if _left(condition) not in there:
            condition = exp.EQ(this=condition.expression.copy(), expression=condition.this.copy())
        there.add(_right(condition))
        path.append((_right(condition), condition))
    return path


def _left(condition: exp.EQ) -> str:
    return condition.this.table.lower()


def _right(condition: exp.EQ) -> str:
    return condition.expression.table.lower()


def _group_by_selected_table(select: exp.Select) -> None:
    """Groups by the column of the table that is shown, where the join makes it equal to the one that is written."""
    group, selected = select.args.get("group"), _selected_tables(select)
    if not group or not selected:
        return
    equal = [
        (join.args["on"].this, join.args["on"].expression) for join in select.args.get("joins") or [] if _is_plain(join)
    ]
    for column in group.expressions:
        if not isinstance(column, exp.Column) or column.table.lower() in selected:
            continue
        for one, other in [*equal, *((right, left) for left, right in equal)]:
            if column == one and other.table.lower() == selected[0]:
                column.replace(other.copy())
                break


def _is_plain(join: exp.Join) -> bool:
    on = join.args.get("on")
    return (
        isinstance(join.this, exp.Table)
        and not join.args.get("side")
        and isinstance(on, exp.EQ)
        and isinstance(on.this, exp.Column)
        and isinstance(on.expression, exp.Column)
        and bool(on.this.table and on.expression.table)
    )
