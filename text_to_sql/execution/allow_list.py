"""What SQL of a model may call, and how large it may become."""

import sqlite3
from typing import Final

# No function that builds large texts or blobs out of nothing: a deadline cannot stop one long C call.
ALLOWED_FUNCTIONS: Final = frozenset(
    "abs avg ceil ceiling coalesce count cume_dist date datetime dense_rank first_value floor glob group_concat ifnull "  # noqa: SIM905
    "iif instr julianday lag last_value lead length like lower ltrim max min nth_value ntile nullif percent_rank rank "
    "round row_number rtrim sign strftime substr substring sum time total trim typeof unicode upper".split()
)
SQLITE_LIMITS: Final = {
    sqlite3.SQLITE_LIMIT_LENGTH: 1_000_000,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 20_000,
    sqlite3.SQLITE_LIMIT_COLUMN: 200,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 100,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 20,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 50_000,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 16,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 100,
    sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: 0,
}
# Interpreter and SQLite take 60 MB of addresses; half of the whole is what SQLite may use for one query.
MEMORY_BYTES: Final = 512 * 1024**2
