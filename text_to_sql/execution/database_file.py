"""A SQLite file on disk: opened so that it stays as it is, and closed so that nothing lies beside it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from text_to_sql.errors import DatabaseFileError


@contextmanager
def explained_file_errors(path: Path) -> Iterator[None]:
    """Turns the errors of opening a file into one that says what to check."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise DatabaseFileError(
            f"{path} cannot be opened as a SQLite database: {error}. Check that it is one and that you may read it; "
            "if it is in WAL mode, you must also be allowed to write to its folder."
        ) from error


def open_read_only(path: Path) -> sqlite3.Connection:
    """Returns a connection that has read the file's first page.

    Raises:
        DatabaseFileError: there is no such file.
        sqlite3.Error: it is no database, or it may not be read.
    """
    if not path.is_file():
        raise DatabaseFileError(f"There is no database file {path}.")
    connection = sqlite3.connect(read_only_uri(path), uri=True, isolation_level=None)
    try:
        _read_first_page(connection)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def read_only_uri(path: Path) -> str:
    """Returns the address under which SQLite opens a file for reading alone."""
    return f"{path.as_uri()}?mode=ro"


def write_ahead_log(path: Path) -> Path:
    """Returns where the write-ahead log of a database in WAL mode lies."""
    return path.with_name(f"{path.name}-wal")


def remove_empty_log(path: Path) -> None:
    """Lets SQLite remove the empty `-wal` and `-shm` that reading a database in WAL mode leaves beside it.

    A read-only connection makes them and may not remove them. One that may write removes them as it closes, if no other
    process uses them: only SQLite's own locks can tell. Opening with `immutable=1` would make none, but ignores those
    locks, and would give wrong rows if somebody wrote meanwhile.
    """
    log = write_ahead_log(path)
    with suppress(sqlite3.Error, OSError):
        # One with content belongs to a writer who came meanwhile.
        if log.exists() and log.stat().st_size == 0:
            with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, isolation_level=None)) as connection:
                _read_first_page(connection)


def _read_first_page(connection: sqlite3.Connection) -> None:
    connection.execute("SELECT name FROM sqlite_master").fetchone()
