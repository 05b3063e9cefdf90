"""Whether a database that is evaluated on was trained on, under its own name or another."""

from collections.abc import Iterable

from text_to_sql.data.example import Example
from text_to_sql.schema import Schema

Signature = frozenset[tuple[str, ...]]


def leaked_databases(training: Iterable[Example], evaluation: Iterable[Example]) -> list[str]:
    """Returns the names of evaluation databases that training has seen: same name, or the same columns in each table.

    Names of tables are not compared, nor the order of anything, so a renamed or shuffled copy is found too. Tables with
    fewer than three columns are like others by chance and do not count alone.
    """
    names, signatures = set(), set()
    for example in training:
        names.add(example.database)
        signatures.add(_signature(example.schema))
    leaked = {
        example.database
        for example in evaluation
        if example.database in names or (_is_telling(example.schema) and _signature(example.schema) in signatures)
    }
    return sorted(leaked)


def _signature(schema: Schema) -> Signature:
    return frozenset(tuple(sorted(name.lower() for name in table.column_names)) for table in schema.tables)


def _is_telling(schema: Schema) -> bool:
    return len(schema.tables) > 1 or len(schema.tables[0].columns) > 2
