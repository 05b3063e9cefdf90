"""A grammar of the queries that a schema allows, for decoding that cannot leave it (vLLM's structured outputs).

Each table has rules of its own, and so has each set of up to four tables that foreign keys connect: a query
can name only columns of the tables that it reads, and joins only along keys. So an answer cannot fail for a name. What
it means may still be wrong, and the grammar is no protection: `ReadOnlyDatabase` stays the gate.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, permutations

from text_to_sql.foreign_keys import ForeignKey
from text_to_sql.schema import Schema, Table, quoted

# Sources beyond these are left out, widest first: each costs some fifteen rules. 48 of them are 100 kB, which
# xgrammar compiles in half a second.
MOST_SOURCES = 48
_WIDEST_SOURCE = 4

_COMMON_RULES = r"""
root ::= select | averaged | single setop single | double setop double | triple setop triple
setop ::= " INTERSECT " | " EXCEPT " | " UNION "
comparison ::= " = " | " <> " | " > " | " < " | " >= " | " <= "
function ::= "COUNT" | "SUM" | "AVG" | "MIN" | "MAX"
number ::= "-"? [0-9]{1,12} ("." [0-9]{1,6})?
text ::= "'" characters ("''" characters){0,2} "'"
characters ::= [^'\n\r]{0,60}
value ::= number | text
nested ::= "(" scalar ")"
direction ::= " ASC" | " DESC"
limit ::= " LIMIT " [1-9] [0-9]{0,3} (" OFFSET " [1-9] [0-9]{0,3})?
"""

# One rule for all sources, and one for each of them. `scalar` is for comparisons, `single` to `triple` are the sides of
# set operations, which must have equally many columns; `averaged` is over the sizes of groups.
_QUERY_FORMS = ("select", "averaged", "scalar", "single", "double", "triple")

# Rules of one source: `{n}` is its number. Aggregates stand in ORDER BY only beside GROUP BY, where SQLite allows them.
_SOURCE_RULES = r"""
select{n} ::= "SELECT " "DISTINCT "? items{n} rest{n} ordered{n}
scalar{n} ::= "SELECT " "DISTINCT "? item{n} rest{n} ordered{n}
single{n} ::= "SELECT " "DISTINCT "? item{n} rest{n} group{n}?
double{n} ::= "SELECT " "DISTINCT "? item{n} ", " item{n} rest{n} group{n}?
triple{n} ::= "SELECT " "DISTINCT "? item{n} ", " item{n} ", " item{n} rest{n} group{n}?
rest{n} ::= " FROM " from{n} where{n}?
ordered{n} ::= group{n} (" ORDER BY " item{n} direction? (", " item{n} direction?)? limit?)? | (" ORDER BY " column{n} direction? (", " column{n} direction?)? limit?)?
aggregate{n} ::= "COUNT(*)" | function "(" ("DISTINCT "? column{n} | column{n} " * " column{n}) ")"
averaged{n} ::= "SELECT " function "(number) FROM (SELECT COUNT(*) AS number" rest{n} " GROUP BY " column{n} ")"
computed{n} ::= function "(" column{n} ")" " - " function "(" column{n} ")" | "100.0 * COUNT(*) / (SELECT COUNT(*) FROM " from{n} where{n}? ")"
item{n} ::= column{n} | aggregate{n} | computed{n}
items{n} ::= "*" | item{n} (", " item{n}){0,5}
where{n} ::= " WHERE " either{n} ((" AND " | " OR ") either{n}){0,3}
either{n} ::= condition{n} | "(" condition{n} " OR " condition{n} ")"
condition{n} ::= column{n} comparison (value | nested | column{n}) | "NOT "? column{n} " IN " (nested | "(" value (", " value){0,5} ")") | "NOT "? column{n} " LIKE " text | column{n} " BETWEEN " value " AND " value | "NOT "? column{n} " IS NULL" | "NOT (" column{n} " = " value " AND " column{n} " = " value ")"
group{n} ::= " GROUP BY " column{n} (", " column{n}){0,2} having{n}?
having{n} ::= " HAVING " limited{n} (" AND " limited{n})?
limited{n} ::= aggregate{n} (comparison (number | nested) | " BETWEEN " number " AND " number)
"""  # noqa: E501 (a rule of the grammar is one line)


@dataclass(frozen=True, slots=True)
class _Source:
    """What FROM may hold: the indexes of its tables, and the ways to write it."""

    tables: tuple[int, ...]
    spellings: tuple[str, ...]


@lru_cache(maxsize=64)
def sql_grammar(schema: Schema) -> str:
    """Returns the grammar of canonical queries over a schema, in the EBNF of xgrammar.

    Covered are single tables, and joins of up to four along foreign keys; WHERE with up to four conditions, nested
    queries and one set operation. Every repetition is bounded, so that a small model cannot loop in a literal. What is
    repeated in a literal is a class of characters and nothing else: xgrammar then needs less than a millisecond for
    the mask of a token, and 30 ms where a quote is one of the alternatives.

    Args:
        schema: tables and foreign keys; without keys there are no joins.
    """
    sources = list(islice(_sources(schema), MOST_SOURCES))
    rules = [_COMMON_RULES.strip()]
    for form in _QUERY_FORMS:
        rules.append(f"{form} ::= " + " | ".join(f"{form}{n}" for n in range(len(sources))))
    rules += [_column_rule(index, table) for index, table in enumerate(schema.tables)]
    for n, source in enumerate(sources):
        rules.append(f"from{n} ::= " + " | ".join(map(_terminal, source.spellings)))
        rules.append(f"column{n} ::= " + " | ".join(f"table{index}" for index in source.tables))
        rules.append(_SOURCE_RULES.strip().replace("{n}", str(n)))
    return "\n".join(rules) + "\n"


def _column_rule(index: int, table: Table) -> str:
    columns = " | ".join(_terminal(quoted(column.name)) for column in table.columns)
    return f"table{index} ::= {_terminal(quoted(table.name) + '.')} ({columns})"


def _terminal(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _sources(schema: Schema) -> Iterator[_Source]:
    """Yields single tables, then sets of two and more that foreign keys connect."""
    for index, table in enumerate(schema.tables):
        yield _Source((index,), (quoted(table.name),))
    connected = {frozenset((index,)) for index in range(len(schema.tables))}
    index_of = {table.name: index for index, table in enumerate(schema.tables)}
    links = [{index_of[key.table], index_of[key.parent_table]} for key in schema.foreign_keys]
    for _ in range(_WIDEST_SOURCE - 1):
        connected = {one | link for one in connected for link in links if len(link) == 2 and len(one & link) == 1}
        for tables in sorted(connected, key=sorted):
            yield _Source(tuple(sorted(tables)), tuple(_spellings(schema, tables)))


def _spellings(schema: Schema, tables: frozenset[int]) -> Iterator[str]:
    """Yields FROM with its joins, in each order in which every table is connected to one before it."""
    for order in permutations(sorted(tables)):
        yield from _joined([schema.tables[index] for index in order], schema.foreign_keys)


def _joined(tables: Sequence[Table], keys: Sequence[ForeignKey]) -> list[str]:
    spellings = [quoted(tables[0].name)]
    for position, table in enumerate(tables[1:], start=1):
        there = {earlier.name for earlier in tables[:position]}
        conditions = [condition for key in keys if (condition := _condition(key, there, table.name))]
        spellings = [f"{text} JOIN {quoted(table.name)} ON {on}" for text in spellings for on in conditions]
    return spellings


def _condition(key: ForeignKey, there: set[str], new: str) -> str | None:
    """Returns what a join with a new table is on, the table that is there already on the left; None if unconnected."""
    child, parent = _qualified(key.table, key.column), _qualified(key.parent_table, key.parent_column)
    if key.table in there and key.parent_table == new:
        return f"{child} = {parent}"
    if key.parent_table in there and key.table == new:
        return f"{parent} = {child}"
    return None


def _qualified(table: str, column: str) -> str:
    return f"{quoted(table)}.{quoted(column)}"
