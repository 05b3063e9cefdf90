"""What a gold query asks of rows: which columns must be equal, and what each is compared with.

From this, rows are made that the query returns (see `witnesses`). Of OR one side is taken at random; what is not read,
such as arithmetic, stays a matter of luck and of another attempt.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

from text_to_sql.schema import Schema
from text_to_sql.scoring.conditions import Condition, negated, read_condition

# A column of one occurrence of a table: number of its SELECT, alias, column; names in lower case.
Node = tuple[int, str, str]

_MOST_COPIES = 60
_SWAPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
_OPERATORS = {exp.EQ: "=", exp.NEQ: "<>", exp.GT: ">", exp.GTE: ">=", exp.LT: "<", exp.LTE: "<="}


@dataclass(slots=True)
class QueryShape:
    """What a query asks of rows.

    Attributes:
        tables: the table of each (number of SELECT, alias).
        conditions: what a column is compared with.
        equal: columns that must hold the same value.
        grouped: columns of GROUP BY.
        summed: columns in SUM or AVG, which hold numbers whatever their type is.
        copies: rows that a group needs, at least 1.
        limits_groups: whether HAVING chooses among groups.
    """

    tables: dict[tuple[int, str], str] = field(default_factory=dict)
    conditions: list[tuple[Node, Condition]] = field(default_factory=list)
    equal: list[tuple[Node, Node]] = field(default_factory=list)
    grouped: list[Node] = field(default_factory=list)
    summed: list[Node] = field(default_factory=list)
    copies: int = 1
    limits_groups: bool = False

    def column(self, node: Node) -> tuple[str, str]:
        """Returns (table, column) of a node."""
        return self.tables[node[:2]], node[2]


def qualified_tree(sql: str, schema: Schema) -> exp.Query | None:
    """Returns the syntax tree with a table before every column, all names in lower case; None if sqlglot cannot."""
    columns = {table.name.lower(): {column.name.lower(): "TEXT" for column in table.columns} for table in schema.tables}
    try:
        return qualify(
            sqlglot.parse_one(sql, read="sqlite"),
            schema=MappingSchema(columns, dialect="sqlite", normalize=False),
            dialect="sqlite",
            validate_qualify_columns=False,
            quote_identifiers=False,
        )
    except SqlglotError:
        return None


def read_shape(tree: exp.Query, rng: random.Random | None = None) -> QueryShape:
    """Returns what a qualified query asks of rows; `rng` chooses the side of each OR, without it both are read."""
    reader = _Reader(rng)
    reader.read(tree)
    return reader.shape


class _Reader:
    def __init__(self, rng: random.Random | None) -> None:
        self._rng = rng
        self._selects = 0
        # What an alias stands for, innermost last: a number of SELECT, or the columns of a query in FROM.
        self._scopes: list[dict[str, int | dict[str, Node | None]]] = []
        self._ctes: dict[str, dict[str, Node | None]] = {}
        self.shape = QueryShape()

    def read(self, query: exp.Expression) -> dict[str, Node | None]:
        """Reads a query; returns its columns, by name, and where they come from."""
        for cte in query.ctes if isinstance(query, exp.Query) else ():
            self._ctes[cte.alias] = self.read(cte.this)
        if isinstance(query, exp.Subquery):
            return self.read(query.this)
        if isinstance(query, exp.SetOperation):
            return self._read_set_operation(query)
        return self._read_select(query) if isinstance(query, exp.Select) else {}

    def _read_set_operation(self, query: exp.SetOperation) -> dict[str, Node | None]:
        left = self.read(query.this)
        if isinstance(query, exp.Except):
            # Rows of its right side stand apart: they are there for their literals.
            self.read(query.expression)
            self._demand(left.values(), Condition("fresh"))
            return left
        right = self.read(query.expression)
        if isinstance(query, exp.Intersect):
            for one, other in zip(left.values(), right.values(), strict=False):
                self._link(one, other)
        return left

    def _demand(self, nodes: Iterable[Node | None], condition: Condition) -> None:
        self.shape.conditions += [(node, condition) for node in nodes if node is not None]

    def _link(self, one: Node | None, other: Node | None) -> None:
        if one is not None and other is not None:
            self.shape.equal.append((one, other))

    def _read_select(self, select: exp.Select) -> dict[str, Node | None]:
        self._selects += 1
        number, scope = self._selects, {}
        joins = select.args.get("joins") or []
        sources = [select.args["from_"].this] if select.args.get("from_") else []
        for source in [*sources, *(join.this for join in joins)]:
            scope[source.alias_or_name] = self._read_source(source, number)
        self._scopes.append(scope)
        where = select.args.get("where")
        for condition in [*(join.args.get("on") for join in joins), where and where.this]:
            self._read_condition(condition)
        self._read_groups(select)
        columns = {item.alias_or_name: self._node(item.unalias()) for item in select.expressions}
        self._scopes.pop()
        return columns

    def _read_source(self, source: exp.Expression, number: int) -> int | dict[str, Node | None]:
        if isinstance(source, exp.Subquery):
            return self.read(source.this)
        if source.name in self._ctes:
            return self._ctes[source.name]
        self.shape.tables[number, source.alias_or_name] = source.name
        return number

    def _node(self, expression: exp.Expression | None) -> Node | None:
        """Returns the node of a column, from the innermost SELECT that has its table; None for anything else."""
        if not isinstance(expression, exp.Column):
            return None
        for scope in reversed(self._scopes):
            source = scope.get(expression.table)
            if isinstance(source, int):
                return source, expression.table, expression.name
            if source is not None:
                return source.get(expression.name)
        return None

    def _read_groups(self, select: exp.Select) -> None:
        sums = (self._node(function.this) for function in select.find_all(exp.Sum, exp.Avg))
        self.shape.summed += [node for node in sums if node is not None]
        group, having = select.args.get("group"), select.args.get("having")
        if group:
            self.shape.grouped += [node for node in map(self._node, group.expressions) if node is not None]
            self.shape.copies = max(self.shape.copies, 2)
        self.shape.limits_groups |= having is not None
        for condition in self._conjuncts(having.this) if having else ():
            self._read_aggregate(condition)

    def _conjuncts(self, condition: exp.Expression) -> list[exp.Expression]:
        condition = condition.unnest()
        if isinstance(condition, exp.Or) and self._rng is not None:
            return self._conjuncts(self._rng.choice([condition.this, condition.expression]))
        if isinstance(condition, exp.And | exp.Or):
            return self._conjuncts(condition.this) + self._conjuncts(condition.expression)
        return [condition]

    def _read_condition(self, condition: exp.Expression | None) -> None:
        for part in self._conjuncts(condition) if condition is not None else ():
            negative = isinstance(part, exp.Not)
            inner = part.this.unnest() if negative else part
            if isinstance(inner, exp.Exists):
                if not negative:
                    self.read(inner.this)
                continue
            self._read_comparison(inner, negative)

    def _read_comparison(self, part: exp.Expression, negative: bool) -> None:
        if isinstance(part.this, exp.Literal | exp.Subquery) and type(part) in _OPERATORS:
            part = _swapped(part)
        node = self._node(part.this)
        if node is None:
            return
        if (query := _subquery(part)) is not None:
            self._read_subquery(node, part, query, negative)
        elif isinstance(part, exp.EQ) and (other := self._node(part.expression)) is not None and not negative:
            self._link(node, other)
        elif (condition := read_condition(part)) is not None:
            self._demand([node], negated(condition) if negative else condition)

    def _read_subquery(self, node: Node, part: exp.Expression, query: exp.Expression, negative: bool) -> None:
        if negative or isinstance(part, exp.NEQ):
            self.read(query)
            self._demand([node], Condition("fresh"))
            return
        columns = self.read(query)
        aggregate = query.find(exp.AggFunc)
        operator = _OPERATORS.get(type(part), "=")
        if isinstance(aggregate, exp.Max) or operator in (">", ">="):
            self._demand([node], Condition("high"))
        elif isinstance(aggregate, exp.Min) or operator in ("<", "<="):
            self._demand([node], Condition("low"))
        elif operator == "=":
            self._link(node, next(iter(columns.values()), None))

    def _read_aggregate(self, condition: exp.Expression) -> None:
        """Reads a condition of HAVING; one on COUNT asks for rows, one on another aggregate is met by each of them."""
        parsed = read_condition(condition)
        if parsed is None:
            self._read_condition(condition)
        elif isinstance(condition.this, exp.Count):
            self.shape.copies = _rows_needed(parsed, self.shape.copies)
        elif isinstance(condition.this, exp.AggFunc) and (node := self._node(condition.this.this)) is not None:
            self._demand([node], parsed)


def _rows_needed(condition: Condition, at_least: int) -> int:
    limit = condition.values[0] if condition.values else 1
    if not isinstance(limit, int) or condition.operator in ("<", "<="):
        return 1
    return max(1 if condition.operator == "=" else at_least, min(_MOST_COPIES, limit + (condition.operator == ">")))


def _swapped(part: exp.Expression) -> exp.Expression:
    operator = _OPERATORS[type(part)]
    kinds = {name: kind for kind, name in _OPERATORS.items()}
    return kinds[_SWAPPED.get(operator, operator)](this=part.expression, expression=part.this)


def _subquery(part: exp.Expression) -> exp.Expression | None:
    if isinstance(part, exp.In):
        return part.args.get("query")
    return part.expression if isinstance(part.args.get("expression"), exp.Subquery) else None
