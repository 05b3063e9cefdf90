"""From a model's text to one SELECT statement over the offered tables: the gate before SQLite.

What is not plainly one query is refused, never repaired. The order matters: a parser is itself a target, so length and
characters come first. This gate is one layer; `ReadOnlyDatabase` has more beneath it.
"""

import logging
import re
from itertools import pairwise

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokens import TokenType

from text_to_sql.errors import QueryFailedError, UnsafeSQLError
from text_to_sql.execution.allow_list import ALLOWED_FUNCTIONS
from text_to_sql.schema import Schema

# sqlglot logs what it parses only as a bare command; such a statement is refused here anyway.
logging.getLogger("sqlglot").setLevel(logging.ERROR)

MAX_SQL_CHARACTERS = 4_000
_CODE_BLOCK = re.compile(r"```(?:sql|sqlite)?[ \t]*\n(.*?)```", re.DOTALL | re.IGNORECASE)
_CONTROL_CHARACTER = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff]")
_QUERIES = (exp.Select, exp.Union, exp.Intersect, exp.Except)
# Tokens that may be the name of a function: plain and quoted names, and keywords that are functions too.
_NAMES = {
    TokenType.VAR,
    TokenType.IDENTIFIER,
    TokenType.REPLACE,
    TokenType.CHAR,
    TokenType.LEFT,
    TokenType.RIGHT,
    TokenType.GLOB,
    TokenType.DATE,
    TokenType.DATETIME,
    TokenType.TIME,
    TokenType.JSON,
}
_WORDS_BEFORE_PARENTHESES = frozenset({"cast"})
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
    statement = parse_query(sql)
    _check_tables(statement, schema)
    _check_functions(sql, statement)


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


def _check_functions(sql: str, statement: exp.Expression) -> None:
    """Refuses names before a parenthesis that are no listed function, keyword or list of a CTE's columns.

    SQLite is asked about functions too, by the authorizer; the names of the text say it without a database.
    """
    allowed = ALLOWED_FUNCTIONS | _WORDS_BEFORE_PARENTHESES | {cte.alias.lower() for cte in statement.find_all(exp.CTE)}
    tokens = sqlglot.tokenize(sql, read="sqlite")
    for name, parenthesis in pairwise(tokens):
        is_call = parenthesis.token_type == TokenType.L_PAREN and name.token_type in _NAMES
        if is_call and name.text.lower() not in allowed:
            raise UnsafeSQLError("function", f"the function {name.text} is not allowed.")


def _check_tables(statement: exp.Expression, schema: Schema) -> None:
    own_names = {cte.alias.lower() for cte in statement.find_all(exp.CTE)}
    for name in own_names & schema.table_names:
        raise UnsafeSQLError("table", f"WITH {name} AS … hides the table of the same name.")
    for table in statement.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier):
            raise UnsafeSQLError("table", f"{table.sql(dialect='sqlite')} is a function that returns a table.")
        offered = schema.table_names | _common_tables_in_sight(table)
        if table.name.lower() not in offered or table.db or table.catalog:
            names = ", ".join(sorted(table.name for table in schema.tables))
            raise UnsafeSQLError("table", f"there is no table {table.sql(dialect='sqlite')} here; there are {names}.")


def _common_tables_in_sight(table: exp.Table) -> set[str]:
    """Returns the names that a WITH around this table defines: those before its own, and its own for recursion."""
    names: set[str] = set()
    node: exp.Expression | None = table
    while node is not None:
        with_ = node.args.get("with_") or node.args.get("with")
        if with_ is not None:
            names |= {cte.alias.lower() for cte in with_.expressions}
        if isinstance(node, exp.CTE):
            names |= {cte.alias.lower() for cte in node.parent.expressions}
        node = node.parent
    return names


def _first_word(sql: str) -> str:
    return sql.split(maxsplit=1)[0].upper()
