"""Tables between others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from text_to_sql.foreign_keys import ForeignKey
from text_to_sql.join_paths import connected


def keys(*pairs: str) -> list[ForeignKey]:
    return [ForeignKey(pair[0], "parent_id", pair[1], "id") for pair in pairs]


@pytest.mark.parametrize(
    ("tables", "pairs", "expected"),
    [
        ("", (), ""),
        ("a", ("ab",), "a"),
        ("ab", ("ab",), "ab"),
        # Keys are followed in both directions.
        ("ac", ("ba", "bc"), "abc"),
        ("ad", ("ab", "bc", "cd"), "abcd"),
        # The shortest way, and the nearest of those before.
        ("ac", ("ab", "bd", "dc", "ac"), "ac"),
        ("abe", ("ab", "be", "ac", "cd", "de"), "abe"),
        ("bca", ("ab", "ac"), "bac"),
        # Too far, or no way.
        ("ae", ("ab", "bc", "cd", "de"), "ae"),
        ("ax", ("ab",), "ax"),
        ("aa", ("ab",), "a"),
    ],
)
def test_tables_between_are_added_in_the_order_of_the_joins(tables: str, pairs: tuple[str, ...], expected: str) -> None:
    assert "".join(connected(tables, keys(*pairs))) == expected


PAIRS = st.lists(st.text("abcdef", min_size=2, max_size=2), max_size=8)


@given(st.lists(st.sampled_from("abcdef"), max_size=4), PAIRS)
def test_all_tables_are_kept_once_and_each_other_one_joins(tables: list[str], pairs: list[str]) -> None:
    found = connected(tables, keys(*pairs))
    assert set(tables) <= set(found)
    assert len(found) == len(set(found))
    for table in set(found) - set(tables):
        assert sum(table in pair and set(pair) <= set(found) for pair in pairs) >= 2
