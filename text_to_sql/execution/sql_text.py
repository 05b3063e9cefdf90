"""From a model's text to one SELECT statement over the offered tables: the gate before SQLite.

What is not plainly one query is refused, never repaired. The order matters: a parser is itself a target, so length and
characters come first. This gate is one layer; `ReadOnlyDatabase` has more beneath it.
"""

import logging
import re

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from text_to_sql.errors import QueryFailedError, UnsafeSQLError
from text_to_sql.schema import Schema

# sqlglot logs what it parses only as a bare command; such a statement is refused here anyway.
logging.getLogger("sqlglot").setLevel(logging.ERROR)

MAX_SQL_CHARACTERS = 4_000
_CODE_BLOCK = re.compile(r"```(?:sql|sqlite)?[ \t]*\n(.*?)```", re.DOTALL | re.IGNORECASE)
_CONTROL_CHARACTER = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff]")
_QUERIES = (exp.Select, exp.Union, exp.Intersect, exp.Except)
_PARAMETERS = (exp.Placeholder, exp.Parameter, exp.SessionParameter)


def extract_sql(text: str) -> str:
    """Returns the SQL in a model's answer: the whole text, or the content of its only code block.

    Raises:
        UnsafeSQLError: the answer is empty, too long, has control characters or several code blocks.
    """
    if len(text) > MAX_SQL_CHARACTERS:
        raise UnsafeSQLError("length", f"the answer has {len(text):,} characters, {MAX_SQL_CHARACTERS:,} are allowed.")
    if _CONTROL_CHARACTER.search(text):
        raise UnsafeSQLError("characters", "the answer has control characters.")
    blocks = _CODE_BLOCK.findall(text)
    if len(blocks) > 1:
        raise UnsafeSQLError("one statement", f"the answer has {len(blocks)} code blocks, expected one query.")
    sql = (blocks[0] if blocks else text).strip()
    if not sql:
        raise UnsafeSQLError("one statement", "the answer is empty.")
    return sql


def check_select(sql: str, schema: Schema) -> None:
    """Raises unless `sql` is exactly one query that reads offered tables only.

    Raises:
        QueryFailedError: it is no SQL.
        UnsafeSQLError: it is SQL, but not one query over these tables.
    """
    _check_tables(parse_query(sql), schema)


def parse_query(sql: str) -> exp.Expression:
    """Returns the syntax tree of one query, over whatever tables.

    Raises:
        QueryFailedError: it is no SQL.
        UnsafeSQLError: it is SQL, but not one query.
    """
    extract_sql(sql)
    statements = _parse(sql)
    if len(statements) != 1:
        raise UnsafeSQLError("one statement", f"there are {len(statements)} statements, expected one query.")
    [statement] = statements
    if not isinstance(statement, _QUERIES):
        raise UnsafeSQLError("SELECT only", f"{_first_word(sql)} is no query.")
    if statement.find(*_PARAMETERS):
        raise UnsafeSQLError("parameters", "the query has parameters, and nothing to fill them with.")
    if statement.find(exp.Into):
        raise UnsafeSQLError("SELECT only", "SELECT … INTO writes a table.")
    return statement


def _parse(sql: str) -> list[exp.Expression]:
    try:
        return [statement for statement in sqlglot.parse(sql, read="sqlite") if statement is not None]
    except (SqlglotError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error).splitlines()[0]
        raise QueryFailedError(f"This is no SQL: {reason}") from error


def _check_tables(statement: exp.Expression, schema: Schema) -> None:
    own_names = {cte.alias.lower() for cte in statement.find_all(exp.CTE)}
    for name in own_names & schema.table_names:
        raise UnsafeSQLError("table", f"WITH {name} AS … hides the table of the same name.")
    # A CTE's name counts everywhere in the statement, which is too generous; the authorizer of ReadOnlyDatabase sees
    # which table is really read.
    offered = schema.table_names | own_names
    for table in statement.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier):
            raise UnsafeSQLError("table", f"{table.sql(dialect='sqlite')} is a function that returns a table.")
        if table.name.lower() not in offered or table.db or table.catalog:
            names = ", ".join(sorted(table.name for table in schema.tables))
            raise UnsafeSQLError("table", f"there is no table {table.sql(dialect='sqlite')} here; there are {names}.")


def _first_word(sql: str) -> str:
    return sql.split(maxsplit=1)[0].upper()
