"""A small database, and queries that the tests of several files use."""

import sqlite3
from contextlib import closing
from pathlib import Path

# One call of TRIM compares 10^11 letters, and never looks at the clock.
LONG_CALL = (
    "WITH RECURSIVE s(x, y) AS (SELECT 'aaaa', 'bbbb' UNION ALL SELECT x || x, y || y FROM s WHERE LENGTH(x) < 300000) "
    "SELECT COUNT(TRIM(x, y || 'a')) FROM s"
)


def write_shop(path: Path) -> Path:
    """Writes a database of three books, a table of secrets, and a view of those; returns its path."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(
            """
            CREATE TABLE books (title TEXT, price REAL);
            INSERT INTO books VALUES ('A', 3.5), ('B', 7), ('C', NULL);
            CREATE TABLE secrets (word TEXT);
            INSERT INTO secrets VALUES ('hush');
            CREATE VIEW hints AS SELECT LENGTH(word) AS letters FROM secrets;
            """
        )
    return path
