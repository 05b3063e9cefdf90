"""What a query may call, and how large it may be: what both the gate and the worker go by."""

import sqlite3
from typing import Final

from text_to_sql.errors import UnsafeSQLError

# No function that builds large texts or blobs out of nothing: a deadline cannot stop one long C call.
ALLOWED_FUNCTIONS: Final = frozenset(
    "abs avg ceil ceiling coalesce count cume_dist current_date current_time current_timestamp date datetime "  # noqa: SIM905
    "dense_rank first_value floor glob group_concat ifnull iif instr julianday lag last_value lead length like lower "
    "ltrim max min nth_value ntile nullif percent_rank rank round row_number rtrim sign strftime substr substring sum "
    "time total trim typeof unicode upper".split()
)
ENGINE_LIMITS: Final = {
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
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 0,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
# SQLite gives up at the first; the system kills at the second, which also holds Python (20 MB), rows and the reply.
HEAP_BYTES: Final = 256 << 20
ADDRESS_SPACE_BYTES: Final = 768 << 20


def function_not_allowed(name: str) -> UnsafeSQLError:
    """Returns the refusal of a function."""
    return UnsafeSQLError(
        "function", f"the function {name} is not allowed. Write the query without it, or compute it from the rows."
    )
