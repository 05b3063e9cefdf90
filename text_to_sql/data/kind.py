"""How hard a query is, by its syntax tree."""

import sqlglot
from sqlglot import exp


def kind_of(sql: str) -> str:
    """Returns `nested/setop` for a query with more than one SELECT, else `join` if it joins tables, else `simple`."""
    tree = sqlglot.parse_one(sql, read="sqlite")
    if len(list(tree.find_all(exp.Select))) > 1:
        return "nested/setop"
    return "join" if tree.find(exp.Join) else "simple"
