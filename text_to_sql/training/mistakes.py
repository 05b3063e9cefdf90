"""Wrong queries with the errors that they get, so that the model learns to mend its own."""

import random
import sqlite3
from contextlib import closing
from dataclasses import replace

import sqlglot
from sqlglot import exp

from text_to_sql.data.example import Example
from text_to_sql.errors import TextToSQLError
from text_to_sql.execution.sql_text import check_select
from text_to_sql.prompt import FailedAttempt
from text_to_sql.schema import Schema, quoted


def with_mistake(example: Example, rng: random.Random) -> Example:
    """Returns the example as if a first answer had named a column or table that does not exist.

    Where the drawn mistake happens to be no error, the example is returned as it is.
    """
    wrong = _spoilt(example.sql, example.schema, rng)
    error = why_it_fails(wrong, example.schema)
    return example if error is None else replace(example, failed=(FailedAttempt(wrong, error),))


def why_it_fails(sql: str, schema: Schema) -> str | None:
    """Returns the error that `ReadOnlyDatabase` would give for a query, found on empty tables; None if it runs."""
    try:
        check_select(sql, schema)
        with closing(sqlite3.connect(":memory:")) as connection:
            for table in schema.tables:
                columns = ", ".join(f"{quoted(column.name)} {column.type}" for column in table.columns)
                connection.execute(f"CREATE TABLE {quoted(table.name)} ({columns})")
            connection.execute(sql)
    except TextToSQLError as error:
        return str(error)
    except sqlite3.Error as error:
        return f"SQLite cannot run this: {error}."
    return None


def _spoilt(sql: str, schema: Schema, rng: random.Random) -> str:
    tree = sqlglot.parse_one(sql, read="sqlite")
    columns = list(tree.find_all(exp.Column))
    if columns and rng.random() < 0.85:
        column = rng.choice(columns)
        name = _misspelt(column.name, rng) if rng.random() < 0.4 else _of_another_table(column, schema, rng)
        column.set("this", exp.to_identifier(name, quoted=quoted(name) != name))
    else:
        table = rng.choice(list(tree.find_all(exp.Table)))
        name = _misspelt(table.name, rng)
        table.set("this", exp.to_identifier(name, quoted=quoted(name) != name))
    return tree.sql(dialect="sqlite")


def _misspelt(name: str, rng: random.Random) -> str:
    """Returns a name as a small model gets it wrong: a plural, a part, or one word more."""
    return rng.choice([f"{name}s", name.rstrip("s"), name.rsplit("_", maxsplit=1)[-1], f"{name}_name", f"{name}_id"])


def _of_another_table(column: exp.Column, schema: Schema, rng: random.Random) -> str:
    others = [table for table in schema.tables if table.name.lower() != column.table.lower()]
    if not others:
        return _misspelt(column.name, rng)
    return rng.choice(rng.choice(others).columns).name
