"""A domain: tables with the words that people use for them, from a TOML file in `domains/`.

```toml
[tables.horse]
nouns = [["horse", "horses"]]
[tables.horse.columns]
horse_id = { role = "key" }
name = { role = "name", phrases = ["name"], values = ["Bramble", "Comet"] }
owner = { role = "category", phrases = ["owner"], values = "full_names" }
stable_id = { role = "reference", to = "stable", parent = "kept in", child = "that keep" }
foaled = { role = "year", phrases = ["year of birth"], range = [2005, 2022], after = "born after {}" }
```

Values are a list, or the name of one in `vocabulary.toml`. With `fixed = true` at the top, names are never changed;
with `held_out = true`, the domain is never trained on.
"""

import tomllib
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, Final

DOMAINS_FOLDER: Final = Path(__file__).with_name("domains")
_VOCABULARY: Final = Path(__file__).with_name("vocabulary.toml")
ROLES: Final = ("key", "name", "category", "measure", "year", "date", "flag", "text", "reference")
_NEEDS_VALUES = ("name", "category", "flag", "text")
_NEEDS_RANGE = ("measure", "year", "date")


@dataclass(frozen=True, slots=True)
class DomainColumn:
    """A column and its words.

    Attributes:
        role: one of `ROLES`: what kind of questions can be asked about it.
        phrases: how people call it, most direct first; empty for keys and references.
        values: cells; of a flag, the true one first.
        range: least and greatest cell; numbers, or ISO dates.
        to: the table whose key a reference holds.
        parent: stands between the child's plural and the parent's name, such as `kept in`.
        child: stands between the parent's plural and the child's plural, such as `that keep`.
        most, least: superlatives, such as `oldest`.
        more, less, after, before, at: conditions, with `{}` for the value (`at` is `in` in the file).
        equal: condition on a category, with `{}` for the value, such as `from {}`.
        null, present: conditions on a column that may be empty, such as `not yet shipped`.
        true, false: conditions of a flag.
    """

    name: str
    role: str
    phrases: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    range: tuple[Any, ...] = ()
    to: str = ""
    parent: str = ""
    child: str = ""
    most: str = ""
    least: str = ""
    more: str = ""
    less: str = ""
    after: str = ""
    before: str = ""
    at: str = ""
    equal: str = ""
    null: str = ""
    present: str = ""
    true: str = ""
    false: str = ""

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise ValueError(f"{self.name}: role must be one of {', '.join(ROLES)}, got {self.role!r}")
        if self.role not in ("key", "reference") and not self.phrases:
            raise ValueError(f"{self.name}: a column of role {self.role} needs phrases")
        if self.role in _NEEDS_VALUES and len(self.values) < 2:
            raise ValueError(f"{self.name}: a column of role {self.role} needs two values or more")
        if self.role in _NEEDS_RANGE and not (len(self.range) == 2 and self.range[0] < self.range[1]):
            raise ValueError(f"{self.name}: a column of role {self.role} needs a range [least, greatest]")
        if self.role == "reference" and not (self.to and self.parent and self.child):
            raise ValueError(f"{self.name}: a reference needs to, parent and child")


@dataclass(frozen=True, slots=True)
class DomainTable:
    """A table.

    Attributes:
        nouns: pairs of singular and plural, the first the most common.
        prefix: what its name in a database has before the noun, such as `ref `.
    """

    name: str
    nouns: tuple[tuple[str, str], ...]
    columns: tuple[DomainColumn, ...]
    prefix: str = ""

    def with_role(self, *roles: str) -> list[DomainColumn]:
        """Returns the columns of these roles, in their order."""
        return [column for column in self.columns if column.role in roles]

    @property
    def key(self) -> DomainColumn | None:
        """The column that references to this table hold, if it has one."""
        return next(iter(self.with_role("key")), None)


@dataclass(frozen=True, slots=True)
class Domain:
    """Tables of one topic.

    Attributes:
        tables: references of each point to tables of the same domain that have a key.
        fixed: whether every database of it has all tables and columns, under the names of the file.
        held_out: whether it is for evaluation only; said in its file, so that a new domain never moves another one.
    """

    name: str
    tables: tuple[DomainTable, ...]
    fixed: bool = False
    held_out: bool = False

    def __post_init__(self) -> None:
        with_key = {table.name for table in self.tables if table.key}
        for table in self.tables:
            for column in table.with_role("reference"):
                if column.to not in with_key:
                    raise ValueError(f"{self.name}: {table.name}.{column.name} refers to {column.to}, which has no key")

    def table(self, name: str) -> DomainTable:
        """Returns the table of a name."""
        return next(table for table in self.tables if table.name == name)


@cache
def load_domains() -> tuple[Domain, ...]:
    """Returns all domains, in the order of their names."""
    return tuple(load_domain(path) for path in sorted(DOMAINS_FOLDER.glob("*.toml")))


def load_domain(path: Path) -> Domain:
    """Reads one file.

    Raises:
        ValueError: it is no TOML, or a table or column lacks what it needs; the message names the file.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        tables = [_table(name, table) for name, table in content["tables"].items()]
        return Domain(path.stem, tuple(tables), content.get("fixed", False), content.get("held_out", False))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path.name}: {error}") from error


@cache
def vocabulary() -> dict[str, list[str]]:
    """Returns the lists of cells that several domains share, by name."""
    return tomllib.loads(_VOCABULARY.read_text(encoding="utf-8"))


def _table(name: str, content: dict[str, Any]) -> DomainTable:
    nouns = tuple((singular, plural) for singular, plural in content["nouns"])
    return DomainTable(name, nouns, tuple(_column(*item) for item in content["columns"].items()))


def _column(name: str, content: dict[str, Any]) -> DomainColumn:
    # `in` cannot be the name of a field.
    renamed = {{"in": "at"}.get(field, field): value for field, value in content.items()}
    known = {field.name for field in fields(DomainColumn)}
    unknown = sorted(set(renamed) - known - {"as"})
    if unknown:
        raise ValueError(f"{name}: unknown {', '.join(unknown)}")
    if isinstance(renamed.get("values"), str):
        renamed["values"] = vocabulary()[renamed["values"]]
    tuples = {field: tuple(value) if isinstance(value, list) else value for field, value in renamed.items()}
    return DomainColumn(name, **{field: value for field, value in tuples.items() if field != "as"})
