"""Strings in double quotes, which SQLite takes for strings only where no column has that name."""

import sqlglot
from sqlglot import exp

from text_to_sql.schema import Schema


def in_single_quotes(sql: str, schema: Schema) -> str:
    """Returns the query with its strings in single quotes, as they must be where SQLite's leniency is off.

    Spider writes one query in five with strings in double quotes. A quoted, unqualified name is a string if no table of
    the query has a column of that name and no column of its SELECT is called so.

    Raises:
        sqlglot.errors.SqlglotError: it is no SQL.
    """
    tree = sqlglot.parse_one(sql, read="sqlite")
    used = {table.name.lower() for table in tree.find_all(exp.Table)}
    names = {name.lower() for table in schema.tables if table.name.lower() in used for name in table.column_names}
    names |= {alias.alias.lower() for alias in tree.find_all(exp.Alias)}
    for column in list(tree.find_all(exp.Column)):
        if column.this.args.get("quoted") and not column.table and column.name.lower() not in names:
            column.replace(exp.Literal.string(column.name))
    return tree.sql(dialect="sqlite")
