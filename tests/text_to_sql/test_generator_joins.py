"""Generated questions over several tables: one wording has one gold, and rows that a join repeats count once."""

import random
import re
from collections import Counter
from collections.abc import Callable
from functools import cache

import pytest

from text_to_sql.data.canonical import canonical_sql
from text_to_sql.generator import (
    chains,
    compared_rows,
    counted_children,
    joined_tables,
    set_operations,
    several_selects,
)
from text_to_sql.generator.conditions import apart
from text_to_sql.generator.database import DrawnDatabase, DrawnTable, draw_database
from text_to_sql.generator.domain import load_domains
from text_to_sql.generator.generate import generate, split_domains
from text_to_sql.generator.rows import Rows, draw_apart, draw_positive
from text_to_sql.generator.wording import Condition, Question, Wording

DOMAINS = load_domains()
MODULES = (joined_tables, counted_children, chains, several_selects, set_operations, compared_rows)
MAKERS = [maker for module in MODULES for maker, _ in module.PATTERNS]
Maker = Callable[[DrawnDatabase, Wording], Question | None]
Made = tuple[DrawnDatabase, str, str]


@cache
def databases() -> list[DrawnDatabase]:
    rng = random.Random(3)
    return [draw_database(rng.choice(DOMAINS), rng) for _ in range(400)]


@cache
def questions_of(maker: Maker) -> list[Made]:
    """Returns (database, question, canonical SQL) of many questions."""
    wording = Wording(random.Random(4))
    drawn = [(database, maker(database, wording)) for database in databases()]
    return [(one, question.text, canonical_sql(question.sql, one.schema)) for one, question in drawn if question]


def questions() -> list[Made]:
    return [made for maker in MAKERS for made in questions_of(maker)]


def shown(sql: str) -> list[str]:
    """Returns what the first SELECT lists."""
    return re.sub(r"^SELECT (DISTINCT )?", "", sql).split(" FROM ")[0].split(", ")


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_a_maker_seldom_fails_where_there_are_tables(maker: Maker) -> None:
    assert len(questions_of(maker)) > 0.35 * len(databases())


def test_plain_words_for_having_children_are_joins() -> None:
    made = [(text, sql) for _, text, sql in questions_of(compared_rows.with_and_without) if "COUNT(*)" not in sql]
    inside = [
        (text, sql) for text, sql in made if " IN (SELECT" in sql and "NOT " not in sql and sql.count("SELECT") == 2
    ]
    assert len(inside) > 20
    assert all(re.search(r"at least one of the|with any|have any", text) for text, _ in inside)
    assert all(" JOIN " in sql for _, _, sql in questions_of(joined_tables.parents_of_child))


def test_both_kinds_of_children_are_a_set_operation_of_names_keys_or_categories_and_else_two_tests() -> None:
    operators = Counter[str]()
    for database, text, sql in questions_of(set_operations.parents_of_both):
        operators[re.findall("INTERSECT|EXCEPT", sql)[0]] += 1
        assert _tells_apart(database, shown(sql)), (text, sql)
    assert operators["INTERSECT"] > operators["EXCEPT"] > 20
    two = [made for made in questions_of(compared_rows.with_and_without) if re.search(r"have both|but no ", made[1])]
    assert len(two) > 30
    for database, text, sql in two:
        assert sql.count(" IN (SELECT") == 2, text
        columns = shown(sql)
        assert columns == ["COUNT(*)"] or not any(columns == names for names in _names(database)), text


def _names(database: DrawnDatabase) -> list[list[str]]:
    wording = Wording(random.Random(0))
    return [[table.sql(column) for column in wording.names(table)] for table in database.tables]


def _tells_apart(database: DrawnDatabase, columns: list[str]) -> bool:
    keys = [
        [table.sql(column)] for table in database.tables for column in table.with_role("key", "reference", "category")
    ]
    return columns in keys or columns in _names(database)


def test_rows_that_a_chain_repeats_are_counted_once_each() -> None:
    counts = [sql for _, _, sql in questions_of(chains.along_a_chain) if "COUNT(" in sql]
    once = [sql for sql in counts if "COUNT(DISTINCT" in sql]
    assert len(once) > 10
    assert len(counts) - len(once) > 3
    for sql in counts:
        counted = re.search(r"COUNT\((?:DISTINCT (\S+)|\*)\)", sql)[1]
        start, near = re.search(r"FROM (\S+) JOIN \S+ ON (\S+) = ", sql).groups()
        assert (counted is not None) == (counted == near), (start, sql)


def test_distinct_is_said() -> None:
    makers = (chains.along_a_chain, joined_tables.parents_of_child)
    lists = [(text, sql) for maker in makers for _, text, sql in questions_of(maker) if "(" not in shown(sql)[0]]
    distinct = [text for text, sql in lists if sql.startswith("SELECT DISTINCT")]
    assert 0.25 < len(distinct) / len(lists) < 0.6
    said = r"\b(distinct|different|unique|once|repetition)\b"
    assert all(re.search(said, text, re.IGNORECASE) for text in distinct)
    assert not any(re.search(said, text, re.IGNORECASE) for text, sql in lists if "DISTINCT" not in sql)


def test_no_column_is_shown_that_its_own_condition_fixes() -> None:
    fixed = 0
    for _, text, sql in questions():
        outer = re.sub(r"\(SELECT .*?\)|NOT \(.*?\)", "", sql)
        if re.search("INTERSECT|EXCEPT|UNION| OR ", outer):
            continue
        equal = set(re.findall(r"(?:WHERE|AND) (\S+) (?:= |IS NULL)", outer))
        fixed += bool(equal)
        assert equal.isdisjoint(shown(sql)), (text, sql)
    assert fixed > 200


def test_who_asks_for_the_whole_name() -> None:
    who = [made for made in questions() if made[1].startswith("Who ")]
    assert len(who) > 15
    assert all(shown(sql) in _names(database) for database, _, sql in who)
    assert any(len(shown(sql)) == 2 for _, _, sql in who)
    verbs = {text.split()[1] for _, text, _ in who}
    assert {"owns", "wrote"} <= verbs
    assert verbs.isdisjoint({"own", "hold", "give", "teach", "advise", "have", "are"})


def test_nothing_is_added_up_that_makes_no_sum() -> None:
    words = [
        column.words.name
        for database, _, sql in questions()
        for name in re.findall(r"SUM\((\S+?)\)", sql)
        for table in database.tables
        for column in table.columns
        if table.sql(column) == name
    ]
    assert len(words) > 20
    nonsense = {"place", "ranking", "bib_number", "author_order", "wind_speed", "age", "max_temperature", "h_index"}
    nonsense |= {"performance", "hourly_wage", "hourly_pay", "years_of_experience", "credit_score", "unit_price"}
    assert nonsense.isdisjoint(words)


def test_groups_have_few_rows_and_a_single_one_is_in_singular() -> None:
    made = [(text, sql) for maker in MAKERS for _, text, sql in questions_of(maker) if "HAVING COUNT(*)" in sql]
    numbers = Counter(int(re.search(r"HAVING COUNT\(\*\) \S+ (\d+)", sql)[1]) for _, sql in made)
    assert len(made) > 60
    assert max(numbers) <= 5
    assert sum(numbers[number] for number in (1, 2, 3)) > 0.8 * len(made)
    singulars = {singular for table in tables() for singular, _ in table.words.nouns}
    plurals = {plural for table in tables() for _, plural in table.words.nouns} - singulars
    singles = [match[1] for text, _ in made if (match := re.search(r"(?:more than|exactly) (?:one|1) (.+)", text))]
    assert len(singles) > 10
    assert not [text for text in singles if re.match(rf"(?:{'|'.join(map(re.escape, plurals))})\b", text)]


def tables() -> list[DrawnTable]:
    return [table for database in databases() for table in database.tables]


def test_groups_of_parents_are_by_their_key() -> None:
    makers = (
        counted_children.children_per_parent,
        counted_children.parent_with_most,
        counted_children.counted_along_a_chain,
    )
    for maker in makers:
        for database, text, sql in questions_of(maker):
            keys = [table.sql(table.key) for table in database.tables if table.key]
            assert re.search(r"GROUP BY (\S+)", sql)[1] in keys, text


def test_one_named_row_has_an_article() -> None:
    singulars = {singular for table in tables() for singular, _ in table.words.nouns}
    nouns = "|".join(sorted(map(re.escape, singulars), key=len, reverse=True))
    before = [
        match[1] for _, text, _ in questions() if (match := re.search(rf"(\S+) (?:{nouns}) (?:named|called) ", text))
    ]
    assert len(before) > 50
    assert set(before) == {"the"}
    assert not [text for _, text, _ in questions() if "the the " in text]


def test_values_are_asked_for_in_plural() -> None:
    makers = (set_operations.shared_values, set_operations.values_without_rows)
    texts = [text for maker in makers for _, text, _ in questions_of(maker)]
    assert not [text for text in texts if " values " in text]
    assert sum(text.startswith("Which ") for text in texts) > 50


def test_a_key_without_children_is_taken_from_all_by_except() -> None:
    made = questions_of(set_operations.keys_without_children)
    assert all(re.fullmatch(r"SELECT \S+ FROM \S+ EXCEPT SELECT .+", sql) for _, _, sql in made)
    others = [several_selects.without_children, several_selects.without_such_children, compared_rows.with_and_without]
    for database, _, sql in [made for maker in others for made in questions_of(maker)]:
        keys = [[table.sql(table.key)] for table in database.tables if table.key]
        if "NOT " in sql and sql.count(" IN (SELECT") == 1:
            assert shown(sql) not in keys


def test_pairs_of_conditions_leave_each_other_alone_and_no_has_none_that_is_negative() -> None:
    wording = Wording(random.Random(1))
    firsts = [database.tables[0] for database in databases()]
    pairs = [pair for table in firsts if (pair := draw_apart(table, wording))]
    # A lookup table has nothing but its description to ask for.
    assert len(pairs) > 0.85 * len(firsts)
    for one, other in pairs:
        assert apart(one, other)
        assert one.text != other.text
    positive = [condition for table in firsts if (condition := draw_positive(table, wording))]
    assert len(positive) > 0.9 * len(firsts)
    assert not [one for one in positive if "<>" in one.sql or "NOT " in one.sql or " not " in one.text]


def test_shares_of_forms_are_near_those_of_spider() -> None:
    sqls = [example.sql for group in generate(3_000, split_domains()[0], 11) for example in group]

    def share(pattern: str) -> float:
        return sum(bool(re.search(pattern, sql)) for sql in sqls) / len(sqls)

    assert 0.018 < share("EXCEPT") < 0.05
    assert 0.025 < share("INTERSECT") < 0.05
    assert share(r"JOIN (?:(?!INTERSECT|EXCEPT).)* JOIN") > 0.08
    assert share(r"GROUP BY .* ORDER BY COUNT\(\*\).* LIMIT 1$") > 0.06


@pytest.mark.parametrize("sql", ["{} = 'a'", "NOT {} IN ('a', 'b')", "({} = 'a' OR {} = 'b')"])
def test_rows_know_which_column_a_condition_is_about(sql: str) -> None:
    table = next(table for database in databases() for table in database.tables if len(table.columns) > 2)
    one, other = table.columns[1:3]
    rows = Rows(table, conditions=[Condition("of some kind", sql.replace("{}", table.sql(one)))])
    assert rows.compares(one)
    assert not rows.compares(other)
