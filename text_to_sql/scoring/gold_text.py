"""Golds with strings in double quotes, which SQLite takes for names first, get single quotes.

1,494 of Spider's 7,000 training golds are written so. Predictions keep the strict reading: a misspelt column in double
quotes is an error.
"""

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from text_to_sql.schema import Schema


def standard_strings(sql: str, schema: Schema) -> str:
    """Returns the gold with single quotes around what SQLite takes for strings; unchanged if there is nothing to do.

    A name in double quotes without a table is a string if no table in scope has such a column and no column of SELECT
    has such an alias.

    Args:
        sql: a query.
        schema: all tables that it may read.
    """
    if '"' not in sql:
        return sql
    try:
        tree = sqlglot.parse_one(sql, read="sqlite")
    except SqlglotError:
        return sql
    columns = {table.name.lower(): {name.lower() for name in table.column_names} for table in schema.tables}
    # Of the whole tree first: a query cannot be changed while its scopes are looked at.
    strings = [
        column
        for column in tree.find_all(exp.Column)
        if column.this.args.get("quoted") and not column.table and not _names_something(column, columns)
    ]
    for column in strings:
        column.replace(exp.Literal.string(column.name))
    return tree.sql(dialect="sqlite") if strings else sql


def _names_something(column: exp.Column, columns: dict[str, set[str]]) -> bool:
    name = column.name.lower()
    query = column.find_ancestor(exp.Query)
    while query is not None:
        for source in _sources(query):
            # What a query in FROM calls its columns is not looked up: any quoted name may be one.
            if name in columns.get(source.name.lower(), {name}):
                return True
        if name in {item.alias.lower() for item in query.selects if item.alias}:
            return True
        query = query.find_ancestor(exp.Query)
    return False


def _sources(query: exp.Query) -> list[exp.Expression]:
    clauses = [query.args.get("from_"), *(query.args.get("joins") or [])]
    return [clause.this for clause in clauses if clause is not None]
