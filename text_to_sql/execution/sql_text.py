"""From a model's text to one SELECT statement over the offered tables: the gate before SQLite.

What is not plainly one query is refused, never repaired. The order matters: a parser is itself a target, so length and
characters come first. This gate is one layer; `ReadOnlyDatabase` has more beneath it. What runs is the text that was
checked, not one written anew from its syntax tree.
"""

import logging
import re

from sqlglot import exp

from text_to_sql.errors import UnsafeSQLError
from text_to_sql.execution.allow_list import ALLOWED_FUNCTIONS, function_not_allowed
from text_to_sql.execution.bounded_parser import function_name, parse_statements
from text_to_sql.schema import Schema, folded

# sqlglot logs what it parses only as a bare command; such a statement is refused here anyway.
logging.getLogger("sqlglot").setLevel(logging.ERROR)

MAX_SQL_CHARACTERS = 4_000
_CODE_BLOCK = re.compile(r"```(?:sql|sqlite)?[ \t]*\n(.*?)```", re.DOTALL | re.IGNORECASE)
_CONTROL_CHARACTER = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff\ud800-\udfff]")
_QUERIES = (exp.Select, exp.Union, exp.Intersect, exp.Except)
_PARAMETERS = (exp.Placeholder, exp.Parameter, exp.SessionParameter)
# sqlglot keeps these as functions, without the name that they were called by.
_SYNTAX = (
    *(exp.And, exp.Or, exp.Case, exp.If, exp.Cast, exp.Exists, exp.Collate),
    *(exp.CurrentDate, exp.CurrentTime, exp.CurrentTimestamp, exp.TsOrDsToTimestamp),
    *(exp.Ceil, exp.Floor, exp.GroupConcat, exp.Substring, exp.Trim),
)


def extract_sql(text: str) -> str:
    """Returns the SQL in a model's answer: the whole text, or the content of its only code block.

    Raises:
        UnsafeSQLError: the answer is empty, too long, has control characters, several code blocks or half of one.
    """
    if len(text) > MAX_SQL_CHARACTERS:
        raise UnsafeSQLError("length", f"the answer has {len(text):,} characters, {MAX_SQL_CHARACTERS:,} are allowed.")
    if _CONTROL_CHARACTER.search(text):
        raise UnsafeSQLError("characters", "the answer has control characters.")
    blocks = _CODE_BLOCK.findall(text)
    if len(blocks) > 1:
        raise UnsafeSQLError("one statement", f"the answer has {len(blocks)} code blocks, expected one query.")
    if text.count("```") != 2 * len(blocks):
        raise UnsafeSQLError(
            "one statement", "the answer has a code block that does not begin, does not end, or is no SQL."
        )
    sql = (blocks[0] if blocks else text).strip()
    if not sql:
        raise UnsafeSQLError("one statement", "the answer is empty.")
    return sql


def check_select(sql: str, schema: Schema) -> None:
    """Raises unless `sql` is exactly one query that reads offered tables and calls listed functions only.

    Raises:
        QueryFailedError: it is no SQL.
        UnsafeSQLError: it is SQL, but not one query over these tables with these functions.
    """
    for node in parse_query(sql).walk():
        if isinstance(node, exp.Table):
            _check_table(node, schema)
        elif isinstance(node, exp.CTE):
            _check_own_name(node, schema)
        elif isinstance(node, exp.In):
            _check_in(node)
        elif isinstance(node, exp.Func):
            _check_function(node)


def parse_query(sql: str) -> exp.Expression:
    """Returns the syntax tree of one query, over whatever tables.

    Raises:
        QueryFailedError: it is no SQL.
        UnsafeSQLError: it is SQL, but not one query.
    """
    extract_sql(sql)
    statements = parse_statements(sql)
    if len(statements) != 1:
        raise UnsafeSQLError("one statement", f"there are {len(statements)} statements, expected one query.")
    [statement] = statements
    if not isinstance(statement, _QUERIES):
        raise UnsafeSQLError("SELECT only", f"{_first_word(sql)} is no query.")
    if any(map(_is_parameter, statement.walk())):
        raise UnsafeSQLError("parameters", "the query has parameters, and nothing to fill them with.")
    if statement.find(exp.Into):
        raise UnsafeSQLError("SELECT only", "SELECT … INTO writes a table.")
    return statement


def _is_parameter(node: exp.Expression) -> bool:
    # sqlglot takes `$price` for a name.
    return isinstance(node, _PARAMETERS) or (
        isinstance(node, exp.Identifier) and node.this.startswith("$") and not node.quoted
    )


def _check_table(table: exp.Table, schema: Schema) -> None:
    if not isinstance(table.this, exp.Identifier):
        raise UnsafeSQLError("table", f"{_shown(table)} is a function that returns a table.")
    if table.db or table.catalog or not (folded(table.name) in schema.table_names or _is_own_name(table)):
        names = ", ".join(sorted(table.name for table in schema.tables))
        raise UnsafeSQLError("table", f"there is no table {_shown(table)} here; there are {names}.")


def _is_own_name(table: exp.Table) -> bool:
    """Returns whether a WITH names this table.

    As in SQLite, its names are known to the whole statement that it begins, also before they are defined, and nowhere
    else. sqlglot's own scopes know a name only after its definition.
    """
    node: exp.Expression | None = table.parent
    while node is not None:
        clause = node.args.get("with_")
        if clause and any(folded(cte.alias) == folded(table.name) for cte in clause.expressions):
            return True
        node = node.parent
    return False


def _check_own_name(cte: exp.CTE, schema: Schema) -> None:
    # The authorizer of SQLite cannot tell such a name from the view that has it.
    if folded(cte.alias) in schema.table_names:
        raise UnsafeSQLError("table", f"WITH {cte.alias} AS … hides the table of the same name. Choose another name.")


def _check_in(node: exp.In) -> None:
    # `x IN secrets` reads a table too, though no node says so.
    if field := node.args.get("field"):
        raise UnsafeSQLError("table", f"the list after IN needs brackets: write IN (SELECT …), not IN {_shown(field)}.")


def _check_function(node: exp.Func) -> None:
    if not isinstance(node, _SYNTAX) and folded(function_name(node)) not in ALLOWED_FUNCTIONS:
        raise function_not_allowed(function_name(node))


def _shown(node: exp.Expression) -> str:
    return node.sql(dialect="sqlite")


def _first_word(sql: str) -> str:
    return sql.split(maxsplit=1)[0].upper()[:20]
