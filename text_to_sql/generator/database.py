"""One database of a domain: some of its tables and columns, under names that are drawn for it."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from text_to_sql.foreign_keys import ForeignKey
from text_to_sql.generator.domain import Domain, DomainColumn, DomainTable
from text_to_sql.generator.lookup_tables import with_lookup_tables
from text_to_sql.generator.naming import Naming, draw_naming
from text_to_sql.generator.people import in_two_names
from text_to_sql.schema import Column, Schema, Table, quoted

# Weights of one table, two, three and so on: most questions of joins and nested ones need three.
_SIZES = (4, 17, 28, 27, 16, 8)
_KEPT_COLUMNS = 0.8
_LOOKUP_TABLES = 0.35
# Keys such as `team_code`, which are texts, and names of people in two columns, as many databases have them.
_CODES_FOR_KEYS = 0.12
_NAMES_IN_TWO = 0.4
_ID, _CODE = "_id", "_code"
_TYPES = {"measure": "number", "year": "number", "date": "time", "key": "number", "reference": "number"}


@dataclass(frozen=True, slots=True)
class DrawnColumn:
    """A column of a drawn table; `words` are those of its domain."""

    name: str
    type: str
    words: DomainColumn


@dataclass(frozen=True, slots=True)
class DrawnTable:
    """A table of a drawn database."""

    name: str
    words: DomainTable
    columns: tuple[DrawnColumn, ...]

    def sql(self, column: DrawnColumn) -> str:
        """Returns `table.column` as it stands in SQL."""
        return f"{quoted(self.name)}.{quoted(column.name)}"

    @property
    def source(self) -> str:
        """The table's name as it stands in FROM."""
        return quoted(self.name)

    def with_role(self, *roles: str) -> list[DrawnColumn]:
        """Returns the columns of these roles, in their order."""
        return [column for column in self.columns if column.words.role in roles]

    @property
    def key(self) -> DrawnColumn | None:
        """Its key, if it has one."""
        return next(iter(self.with_role("key")), None)


@dataclass(frozen=True, slots=True)
class Reference:
    """A column of a child table that holds the key of its parent."""

    child: DrawnTable
    column: DrawnColumn
    parent: DrawnTable

    @property
    def condition(self) -> str:
        """What a join of the two is on."""
        return f"{self.child.sql(self.column)} = {self.parent.sql(self.parent.key)}"


@dataclass(frozen=True, slots=True)
class DrawnDatabase:
    """Tables with names, and how they refer to each other."""

    domain: str
    tables: tuple[DrawnTable, ...]
    references: tuple[Reference, ...] = field(default=())

    @property
    def schema(self) -> Schema:
        """What the prompt shows."""
        tables = [
            Table(table.name, tuple(Column(one.name, one.type) for one in table.columns)) for table in self.tables
        ]
        keys = [
            ForeignKey(one.child.name, one.column.name, one.parent.name, one.parent.key.name) for one in self.references
        ]
        return Schema(tuple(tables), tuple(keys))

    @property
    def texts(self) -> dict[tuple[str, str], tuple[str, ...]]:
        """The texts that the cells of each (table, column) hold."""
        return {
            (table.name, column.name): column.words.values
            for table in self.tables
            for column in table.with_role("name", "category", "flag")
        }

    def linked(self) -> Self:
        """Returns the database with its references, found among its tables."""
        by_domain_name = {table.words.name: table for table in self.tables}
        references = [
            Reference(table, column, by_domain_name[column.words.to])
            for table in self.tables
            for column in table.with_role("reference")
        ]
        return replace(self, references=tuple(references))


def draw_database(domain: Domain, rng: random.Random) -> DrawnDatabase:
    """Draws tables that refer to each other, most often two to five, and most of their columns."""
    if domain.fixed:
        return DrawnDatabase(domain.name, tuple(map(_as_it_is, domain.tables))).linked()
    if rng.random() < _LOOKUP_TABLES:
        domain = with_lookup_tables(domain, rng)
    chosen = _draw_tables(domain, rng)
    naming = draw_naming(rng)
    # Where another column is a code already, a key beside it would not be told from it.
    has_codes = any(f"_{column.name}".endswith(_CODE) for table in chosen for column in table.columns)
    coded = {table.name: not has_codes and rng.random() < _CODES_FOR_KEYS for table in chosen}
    tables = [_draw_table(table, coded, naming, rng) for table in chosen]
    # Names that a style makes equal, such as those of `data set` and `dataset`, are as good as none.
    if len({table.name.lower() for table in tables}) < len(tables):
        return draw_database(domain, rng)
    return DrawnDatabase(domain.name, tuple(tables)).linked()


def _as_it_is(table: DomainTable) -> DrawnTable:
    columns = [DrawnColumn(column.name, _TYPES.get(column.role, "text"), column) for column in table.columns]
    return DrawnTable(table.name, table, tuple(columns))


def _draw_tables(domain: Domain, rng: random.Random) -> list[DomainTable]:
    """Grows a connected set from one table; in the domain's order, now and then in another."""
    weights = _SIZES[: len(domain.tables)]
    [size] = rng.choices(range(1, len(weights) + 1), weights)
    chosen = {rng.choice(domain.tables).name}
    while len(chosen) < size:
        around = sorted(_neighbours(domain, chosen))
        if not around:
            break
        chosen.add(rng.choice(around))
    tables = [table for table in domain.tables if table.name in chosen]
    if rng.random() < 0.3:
        rng.shuffle(tables)
    return tables


def _neighbours(domain: Domain, chosen: set[str]) -> set[str]:
    links = [(table.name, column.to) for table in domain.tables for column in table.with_role("reference")]
    ends = {one for pair in links if chosen & set(pair) for one in pair}
    return ends - chosen


def _draw_table(table: DomainTable, coded: Mapping[str, bool], naming: Naming, rng: random.Random) -> DrawnTable:
    """Draws the columns of a table; `coded` says of each chosen one whether its key is a code."""

    def is_kept(column: DomainColumn) -> bool:
        if column.role == "reference":
            return column.to in coded
        return column.role in ("key", "name") or rng.random() < _KEPT_COLUMNS

    singular, plural = table.nouns[0] if rng.random() < 0.85 else rng.choice(table.nouns)
    kept = [column for column in table.columns if is_kept(column)]
    kept = kept or [column for column in table.columns if column.role != "reference"]
    if rng.random() < _NAMES_IN_TWO:
        kept = [part for column in kept for part in in_two_names(column)]
    columns = [_draw_column(_with_code(column, table.name, coded), singular, naming) for column in kept]
    distinct = {column.name.lower(): column for column in columns}
    name = naming.table(f"{table.prefix}{singular}", f"{table.prefix}{plural}")
    return DrawnTable(name, table, tuple(distinct.values()))


def _draw_column(column: DomainColumn, table: str, naming: Naming) -> DrawnColumn:
    type_ = "text" if column.name.endswith(_CODE) else _TYPES.get(column.role, "text")
    if column.role == "key":
        name = naming.key(column.name)
    elif column.role == "reference":
        name = naming.reference(column.name, table)
    else:
        name = naming.column(column.name, table)
    return DrawnColumn(name, type_, column)


def _with_code(column: DomainColumn, table: str, coded: Mapping[str, bool]) -> DomainColumn:
    """Returns `team_code` for `team_id` where the key of teams is a code."""
    owner = {"key": table, "reference": column.to}.get(column.role)
    if owner is None or not coded[owner] or not column.name.endswith(_ID):
        return column
    return replace(column, name=f"{column.name.removesuffix(_ID)}{_CODE}")
