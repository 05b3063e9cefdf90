"""What the worker is told when it starts, about one database."""

import sqlite3
from pathlib import Path
from typing import Any

from text_to_sql.execution.allow_list import ADDRESS_SPACE_BYTES, ALLOWED_FUNCTIONS, ENGINE_LIMITS, HEAP_BYTES
from text_to_sql.execution.database_file import read_only_uri
from text_to_sql.schema import Schema, folded, user_tables


def worker_settings(path: Path, connection: sqlite3.Connection, schema: Schema) -> dict[str, Any]:
    """Returns the settings for the database of a connection, of which `schema` is offered."""
    return {
        "uri": read_only_uri(path),
        "guard": _guard(connection, schema),
        "limits": list(ENGINE_LIMITS.items()),
        "heap_bytes": HEAP_BYTES,
        "address_space_bytes": ADDRESS_SPACE_BYTES,
    }


def _guard(connection: sqlite3.Connection, schema: Schema) -> dict[str, list[str]]:
    views = {folded(name) for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'view'")}
    return {
        "offered": sorted(schema.table_names),
        "views": sorted(schema.table_names & views),
        "hidden": sorted({folded(name) for name in user_tables(connection)} - schema.table_names),
        "functions": sorted(ALLOWED_FUNCTIONS),
    }


def most_reply_bytes(max_bytes: int, max_rows: int) -> int:
    """Returns how long a reply can be: JSON takes six bytes for a control character, and twelve for an empty BLOB."""
    values = max_rows * (ENGINE_LIMITS[sqlite3.SQLITE_LIMIT_COLUMN] + 1)
    return 6 * max_bytes + 16 * values + (1 << 20)
