"""Categories in a table of their own, as many databases have them: `Ref_Colors(color_code, color_description)`."""

import random
from dataclasses import replace

import inflect

from text_to_sql.generator.domain import Domain, DomainColumn, DomainTable

_MOST_LOOKUPS = 2
_PREFIXES = (("", 3), ("ref ", 3), ("lookup ", 1))
# Names that say what they are of only beside a table's.
_VAGUE = frozenset({"type", "kind", "class", "status", "category", "rank", "grade", "style", "format", "position"})
_DESCRIPTIONS = (("description", 3), ("name", 2))


def with_lookup_tables(domain: Domain, rng: random.Random) -> Domain:
    """Returns the domain with one or two of its categories moved to tables that they are then looked up in.

    The category's column becomes a code that refers to the new table. A domain that has no such category stays as it
    is.
    """
    movable = [
        (table, column) for table in domain.tables for column in table.with_role("category") if _is_movable(column)
    ]
    rng.shuffle(movable)
    for table, column in movable[: rng.randint(1, _MOST_LOOKUPS)]:
        domain = _moved(domain, table.name, column, rng)
    return domain


def _is_movable(column: DomainColumn) -> bool:
    return not column.name.endswith("_code")


def _moved(domain: Domain, table_name: str, column: DomainColumn, rng: random.Random) -> Domain:
    owner = domain.table(table_name)
    noun = column.name.replace("_", " ")
    noun = f"{owner.nouns[0][0]} {noun}" if noun in _VAGUE else noun
    lookup = _lookup_table(noun, column, rng)
    if lookup.name in {table.name for table in domain.tables}:
        return domain
    code = DomainColumn(lookup.columns[0].name, "reference", to=lookup.name, parent="of", child="with")
    changed = replace(owner, columns=tuple(code if one is column else one for one in owner.columns))
    tables = [changed if table is owner else table for table in domain.tables]
    tables.insert(rng.choice((0, len(tables))), lookup)
    return replace(domain, tables=tuple(tables))


def _lookup_table(noun: str, column: DomainColumn, rng: random.Random) -> DomainTable:
    name = "_".join(noun.split())
    [(description, _)] = rng.choices(_DESCRIPTIONS, [weight for _, weight in _DESCRIPTIONS])
    [(prefix, _)] = rng.choices(_PREFIXES, [weight for _, weight in _PREFIXES])
    key = DomainColumn(f"{name}_code", "key")
    described = DomainColumn(
        f"{name}_{description}", "name", phrases=(description, f"{noun} {description}"), values=column.values
    )
    nouns = ((noun, str(inflect.engine().plural_noun(noun))),)
    return DomainTable(f"lookup_{name}", nouns, (key, described), prefix)
