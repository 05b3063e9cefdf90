"""Joins in the order that the prompt shows them: there is nothing to learn in writing the same join another way."""

import re
from dataclasses import replace

from text_to_sql.data.example import Example
from text_to_sql.prompt import likely_from_clause

_NAME = r'(?:"(?:[^"]|"")+"|\w+)'
_CONDITION = rf"{_NAME}\.{_NAME} = {_NAME}\.{_NAME}"
_JOIN = re.compile(rf" JOIN ({_NAME}) ON ({_CONDITION})")
_END = r"(?= WHERE | GROUP BY | ORDER BY | LIMIT | EXCEPT | INTERSECT | UNION |\)|$)"
_FROM_CLAUSE = re.compile(rf"FROM ({_NAME})((?: JOIN {_NAME} ON {_CONDITION})+){_END}")


def join_as_shown(example: Example) -> Example:
    """Returns an example whose SQL joins its tables in the order of the prompt, where both are the same join.

    What `SELECT *` or a `LIMIT` with ties returns may come in another order, too.

    Args:
        example: with SQL in canonical spelling.
    """
    clause = likely_from_clause(example.schema, example.question, example.values)
    shown = _FROM_CLAUSE.fullmatch(clause)
    if shown is None:
        return example
    sql = _FROM_CLAUSE.sub(lambda own: clause if _content(own) == _content(shown) else own[0], example.sql)
    return replace(example, sql=sql)


def _content(clause: re.Match[str]) -> tuple[set[str], set[frozenset[str]]]:
    """Returns the tables and the conditions, whatever their order."""
    joins = _JOIN.findall(clause[2])
    return {clause[1], *(table for table, _ in joins)}, {frozenset(condition.split(" = ")) for _, condition in joins}
