"""Tables between others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from text_to_sql.foreign_keys import ForeignKey
from text_to_sql.join_paths import join_tables


def keys(*pairs: str) -> list[ForeignKey]:
    """Returns the keys from the first table of each pair to the second."""
    return [ForeignKey(pair[0], "parent_id", pair[1], "id") for pair in pairs]


@pytest.mark.parametrize(
    ("tables", "pairs", "expected"),
    [
        ("", (), []),
        ("a", ("ab",), ["a"]),
        ("ab", ("ab",), ["a", "b ab"]),
        ("aa", ("ab",), ["a"]),
        # Keys are followed in both directions.
        ("ac", ("ba", "bc"), ["a", "b ba", "c bc"]),
        ("ad", ("ab", "bc", "cd"), ["a", "b ab", "c bc", "d cd"]),
        # The shortest way, and the nearest of those before.
        ("ac", ("ab", "bd", "dc", "ac"), ["a", "c ac"]),
        ("abe", ("ab", "be", "ac", "cd", "de"), ["a", "b ab", "e be"]),
        ("bca", ("ab", "ac"), ["b", "a ab", "c ac"]),
        # Too far, or no way.
        ("ae", ("ab", "bc", "cd", "de"), ["a", "e"]),
        ("axb", ("ab",), ["a", "x", "b ab"]),
    ],
)
def test_each_table_is_joined_to_one_before(tables: str, pairs: tuple[str, ...], expected: list[str]) -> None:
    found = join_tables(tables, keys(*pairs))
    assert [one.table + (f" {one.key.table}{one.key.parent_table}" if one.key else "") for one in found] == expected


PAIRS = st.lists(st.text("abcdef", min_size=2, max_size=2), max_size=8)


@given(st.lists(st.sampled_from("abcdef"), max_size=4), PAIRS)
def test_all_tables_are_kept_once_and_keys_lead_back(tables: list[str], pairs: list[str]) -> None:
    found = join_tables(tables, keys(*pairs))
    names = [one.table for one in found]
    assert set(tables) <= set(names)
    assert len(names) == len(set(names))
    for place, one in enumerate(found):
        if one.key is None:
            assert one.table in tables
        else:
            assert {one.key.table, one.key.parent_table} - {one.table} <= set(names[:place])
