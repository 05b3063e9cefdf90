"""When two results are the same answer."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from text_to_sql.execution.read_only_database import QueryResult, ReadOnlyDatabase
from text_to_sql.scoring.compare import _column_permutations, same_result
from text_to_sql.scoring.order import is_ordered, row_ranks


def result(*rows: tuple[Any, ...]) -> QueryResult:
    return QueryResult(tuple("abcdefghij"[: len(rows[0])]) if rows else ("a",), rows, truncated=False)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1, 1.0, True),
        (1, 1 + 0.9e-6, True),
        (1, 1 + 1.1e-6, False),
        (0, 0.9e-6, True),
        (0, 1.1e-6, False),
        (1e9, 1e9 + 999, True),
        (1e9, 1e9 + 1_001, False),
        (-1e9, -1e9 - 999, True),
        (float("inf"), float("inf"), True),
        (float("inf"), 5, False),
        (None, None, True),
        (None, 0, False),
        (None, "", False),
        ("1", 1, False),
        ("a", "A", False),
        ("a", "a ", False),
        (b"a", "a", False),
        (b"a", b"a", True),
    ],
)
def test_cells_are_equal_as_defined(one: Any, other: Any, same: bool) -> None:
    assert same_result(result((one,)), result((other,))) is same
    assert same_result(result((other, "x")), result((one, "x"))) is same


def test_rows_are_a_bag_and_duplicates_count() -> None:
    assert same_result(result((1,), (2,), (2,)), result((2,), (1,), (2,)))
    assert not same_result(result((1,), (2,), (2,)), result((1,), (1,), (2,)))
    assert not same_result(result((1,), (1,)), result((1,)))


def test_columns_may_stand_in_any_order_but_belong_together() -> None:
    gold = result((1, "x", 10), (2, "y", 20))
    assert same_result(gold, result(("x", 10, 1), ("y", 20, 2)))
    assert not same_result(gold, result(("x", 20, 1), ("y", 10, 2)))
    assert not same_result(gold, result((1, "x"), (2, "y")))


def test_columns_of_equal_bags_are_told_apart_by_their_rows() -> None:
    gold = result((1, 2, 1), (2, 1, 3), (3, 3, 2))
    assert same_result(gold, result((1, 1, 2), (3, 2, 1), (2, 3, 3)))
    assert not same_result(gold, result((1, 1, 1), (2, 2, 2), (3, 3, 3)))


def test_more_than_eight_columns_must_stand_as_in_the_gold() -> None:
    row = tuple(range(9))
    assert same_result(result(row), result(row))
    assert not same_result(result(row), result(row[::-1]))
    assert same_result(result(row[:8]), result(row[7::-1]))


def test_eight_columns_of_which_none_fits_are_decided_at_once() -> None:
    rows = [tuple(int(row == column) for column in range(8)) for row in range(8)]
    assert same_result(result(*rows), result(*rows[::-1]))
    assert not same_result(result(*rows), result(*rows[:6], (1, 0, 0, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 0, 0, 1)))


def test_values_at_the_edge_are_paired_where_sorting_would_not() -> None:
    step = 0.6e-6
    gold = result((0.0, 5), (step, 7))
    assert same_result(gold, result((step, 5), (0.0, 7)))
    assert not same_result(gold, result((3 * step, 5), (0.0, 7)))


def test_a_row_gives_its_partner_away_where_it_has_another() -> None:
    gold = result((0.0, 0.0), (0.5e-6, 0.9e-6))
    assert same_result(gold, result((0.4e-6, 0.9e-6), (0.6e-6, 1.8e-6)))
    assert not same_result(gold, result((0.4e-6, 1.9e-6), (0.6e-6, 1.8e-6)))


def test_close_numbers_in_a_chain_are_not_all_equal() -> None:
    chain = [(index * 0.9e-6,) for index in range(4)]
    assert same_result(result(*chain), result(*chain[::-1]))
    assert not same_result(result(chain[0], chain[0], chain[3]), result(chain[0], chain[3], chain[3]))


def test_partners_change_along_a_path_where_the_sorted_pairs_do_not_fit() -> None:
    def scaled(*rows: tuple[float, float]) -> QueryResult:
        return result(*[(one * 1e-6, other * 1e-6) for one, other in rows])

    gold = scaled((0, 1.5), (0.1, 0), (0.2, 0.75))
    # The first fits the last alone, whose own partner then takes the middle one, whose partner takes the first.
    assert same_result(gold, scaled((0, -0.2), (0.1, 0.3), (0.2, 1.4)))
    assert not same_result(gold, scaled((0, -0.2), (0.1, 0.3), (0.2, 0.4)))


def test_equal_columns_are_tried_once() -> None:
    rows = [(None,) * 8] * 3
    assert list(_column_permutations(rows, rows)) == [tuple(range(8))]


CELLS = st.one_of(st.none(), st.text("ab", max_size=2), st.integers(-3, 3), st.floats(-3, 3), st.floats(-1e12, 1e12))


@st.composite
def tables(draw: st.DrawFn) -> list[tuple[Any, ...]]:
    width = draw(st.integers(1, 5))
    return draw(st.lists(st.tuples(*[CELLS] * width), min_size=1, max_size=8))


@given(tables(), st.randoms(use_true_random=False))
def test_neither_order_of_rows_nor_of_columns_nor_noise_matters(table: list[tuple[Any, ...]], random: Any) -> None:
    columns = random.sample(range(len(table[0])), len(table[0]))

    def noisy(cell: Any) -> Any:
        if not isinstance(cell, float):
            return cell
        return cell + random.uniform(-0.9e-6, 0.9e-6) * max(1, abs(cell) / 2)

    rows = [tuple(noisy(row[column]) for column in columns) for row in table]
    random.shuffle(rows)
    assert same_result(result(*table), result(*rows))
    assert same_result(result(*rows), result(*table))


@given(tables(), st.data())
def test_one_cell_that_differs_is_enough(table: list[tuple[Any, ...]], data: st.DataObject) -> None:
    row = data.draw(st.integers(0, len(table) - 1))
    changed = [list(cells) for cells in table]
    changed[row][data.draw(st.integers(0, len(table[0]) - 1))] = "another"
    assert not same_result(result(*table), result(*map(tuple, changed)))


def test_ranks_decide_which_rows_may_swap() -> None:
    gold = result(("a", 1), ("b", 1), ("c", 2))
    assert same_result(gold, result(("b", 1), ("a", 1), ("c", 2)), ranks=(0, 0, 1))
    assert not same_result(gold, result(("a", 1), ("c", 2), ("b", 1)), ranks=(0, 0, 1))
    assert same_result(gold, result(("a", 1), ("c", 2), ("b", 1)))
    with pytest.raises(ValueError, match="ranks must have one number for each of the 3 gold rows, got 1"):
        same_result(gold, gold, ranks=(0,))


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[ReadOnlyDatabase]:
    path = tmp_path / "shop.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(
        """CREATE TABLE item (name text, price number, maker text);
        INSERT INTO item VALUES ('pen', 1, 'A'), ('cup', 2, 'b'), ('hat', 2, 'a'), ('bag', 3, 'B'), ('cup', 3, 'b')"""
    )
    connection.close()
    with ReadOnlyDatabase(path) as database:
        yield database


@pytest.mark.parametrize(
    ("sql", "ranks"),
    [
        ("SELECT name FROM item", None),
        ("SELECT name FROM item WHERE price IN (SELECT price FROM item ORDER BY price)", None),
        ("SELECT name AS order_by FROM item", None),
        ("SELECT name FROM item ORDER BY price", (0, 1, 1, 2, 2)),
        ("SELECT name FROM item ORDER BY price DESC LIMIT 3", (0, 0, 1)),
        ("SELECT name, price AS p FROM item ORDER BY p", (0, 1, 1, 2, 2)),
        ("SELECT name, price AS p FROM item ORDER BY p * 2", (0, 1, 1, 2, 2)),
        ("SELECT * FROM item ORDER BY 2", (0, 1, 1, 2, 2)),
        ("SELECT name FROM item ORDER BY price, name", (0, 1, 2, 3, 4)),
        ("SELECT name FROM item ORDER BY maker COLLATE NOCASE", (0, 0, 1, 1, 1)),
        ("SELECT price FROM item GROUP BY price ORDER BY COUNT(*)", (0, 1, 1)),
        ("SELECT DISTINCT price FROM item ORDER BY price", (0, 1, 2)),
        ("SELECT name FROM item UNION SELECT maker FROM item ORDER BY name", (0, 1, 2, 3, 4, 5, 6, 7)),
        ("SELECT price FROM item UNION ALL SELECT price FROM item ORDER BY 1", (0, 0, 1, 1, 1, 1, 2, 2, 2, 2)),
        # The keys of DISTINCT rows cannot be told, so every row keeps its place.
        ("SELECT DISTINCT name FROM item ORDER BY price", (0, 1, 2, 3)),
        ("SELECT name FROM item WHERE price > 9 ORDER BY price", ()),
    ],
)
def test_rows_tie_on_the_sort_keys_of_the_outermost_query(
    shop: ReadOnlyDatabase, sql: str, ranks: tuple[int, ...] | None
) -> None:
    assert row_ranks(sql, shop.execute(sql), shop.execute) == ranks
    assert is_ordered(sql) is (ranks is not None)
