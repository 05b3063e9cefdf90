"""Wording of generated questions about one table: what is shown, in which number, and what is never said."""

import random
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache

import pytest
import sqlglot
from sqlglot import exp

from tests.text_to_sql.test_grammar import allows
from text_to_sql.data.canonical import canonical_sql
from text_to_sql.generator import groups, single_table
from text_to_sql.generator.conditions import apart, condition_on, draw_condition
from text_to_sql.generator.database import DrawnColumn, DrawnTable, draw_database
from text_to_sql.generator.domain import DomainColumn, load_domains
from text_to_sql.generator.people import FIRST, LAST
from text_to_sql.generator.ranges import compared
from text_to_sql.generator.single_table import Pattern
from text_to_sql.generator.wording import Condition, Question, Wording, in_plural, is_or_are

DOMAINS = load_domains()
PATTERNS = [pattern for pattern, _ in (*single_table.PATTERNS, *groups.PATTERNS)]
FIXING = re.compile(r"(?:WHERE|AND) (\S+) (?:= |IS NULL)")


@cache
def questions(pattern: Pattern, count: int = 300) -> tuple[Question, ...]:
    rng = random.Random(11)
    found: list[Question] = []
    while len(found) < count:
        question = pattern(draw_database(rng.choice(DOMAINS), rng), Wording(rng))
        found += [question] if question else []
    return tuple(found)


def all_questions() -> Iterator[Question]:
    for pattern in PATTERNS:
        yield from questions(pattern)


def tables(count: int = 60) -> Iterator[DrawnTable]:
    rng = random.Random(3)
    for _ in range(count):
        yield from draw_database(rng.choice(DOMAINS), rng).tables


def shown_part(sql: str) -> str:
    return sql.split(" FROM ", maxsplit=1)[0]


@pytest.mark.parametrize("pattern", [single_table.list_rows, single_table.two_conditions])
def test_no_column_is_shown_or_sorted_by_that_its_condition_fixes(pattern: Pattern) -> None:
    asked = [one for one in questions(pattern, 600) if " OR " not in one.sql]
    fixed = [(one.sql, name) for one in asked for name in FIXING.findall(one.sql)]
    assert len(fixed) > 50
    for sql, name in fixed:
        names = shown_part(sql).replace("SELECT ", "").split(", ")
        assert name not in names
        assert f"ORDER BY {name} " not in sql


def test_conditions_say_which_columns_they_fix() -> None:
    assert Condition("", "t.a = 'x' AND t.b = 'y = z'").fixed == {"t.a", "t.b"}
    assert Condition("", "t.a IS NULL").fixed == {"t.a"}
    for sql in ("NOT t.a IS NULL", "t.a <> 'x'", "t.a > 5", "(t.a = 'x' OR t.a = 'y')", "t.a BETWEEN 1 AND 2"):
        assert not Condition("", sql).fixed


def test_both_names_of_people_are_shown_more_often_than_one_and_called_full_name() -> None:
    of_people = [table for table in tables(400) if {FIRST, LAST} <= {one.words.name for one in table.columns}]
    counts: Counter[bool] = Counter()
    for seed, table in enumerate(of_people):
        wording = Wording(random.Random(seed))
        columns = wording.shown(table, but=[] if table.key is None else [table.sql(table.key)])
        names = [column.words.name for column in columns if column.words.role == "name"]
        if names:
            counts[names[:2] == [FIRST, LAST]] += 1
        if len(columns) == 2 and names == [FIRST, LAST]:
            words = wording.listings(columns, table)
            assert re.search(r"name", words)
            assert words in _words_for_both(table)
    assert counts[True] > counts[False] > 5


def _words_for_both(table: DrawnTable) -> set[str]:
    first, last = (next(one for one in table.columns if one.words.name == name).words.phrases for name in (FIRST, LAST))
    apart_ = {(one, other) for one in first for other in last}
    pairs = apart_ | {(in_plural(one), in_plural(other)) for one, other in apart_}
    whole = ("full name", "first and last name", "name")
    return {*whole, *map(in_plural, whole), *(f"{one} and {other}" for one, other in pairs)}


def test_keys_are_shown_alone_or_beside_the_name_and_excluded_columns_never() -> None:
    kinds: Counter[int] = Counter()
    drawn = list(tables(200))
    for seed, table in enumerate(drawn):
        columns = Wording(random.Random(seed)).shown(table)
        if table.key in columns:
            kinds[len(columns)] += 1
        every = [table.sql(column) for column in table.columns]
        assert Wording(random.Random(seed)).shown(table, but=every) == []
    assert 0.05 * len(drawn) < sum(kinds.values()) < 0.2 * len(drawn)
    assert min(kinds[1], kinds[2]) > 0


def test_an_aggregate_is_asked_of_all_rows_together() -> None:
    for one in questions(single_table.aggregate):
        assert not re.search(r"^(Which|For all|Find all)|their| only|, please|:", one.text), one.text
    starts = Counter(Wording(random.Random(seed)).ask("oldest age", "horses", one=True) for seed in range(200))
    assert not any("horses:" in text.lower() or text.startswith("Which") for text in starts)


@pytest.mark.parametrize("name", ["place", "ranking", "bib_number", "author_order", "wind_speed", "age"])
def test_nobody_adds_up_what_has_no_sum(name: str) -> None:
    def functions(name: str) -> set[str]:
        column = DrawnColumn(name, "number", DomainColumn(name, "measure", ("size",), range=(1, 9)))
        return {single_table.aggregate_words(Wording(random.Random(seed)), column)[0] for seed in range(60)}

    assert functions(name) == {"AVG", "MIN", "MAX"}
    assert functions("price") == {"AVG", "MIN", "MAX", "SUM"}


def test_groups_are_named_in_plural_and_compared_with_small_numbers() -> None:
    for one in (*questions(groups.large_groups), *questions(single_table.count_distinct)):
        assert not re.search(r"\bvalues\b", one.text)
    sizes = [int(size) for one in all_questions() for size in re.findall(r"HAVING COUNT\(\*\) \S+ (\d+)", one.sql)]
    assert len(sizes) > 100
    assert sum(size <= 3 for size in sizes) > 0.7 * len(sizes)
    assert sum(size == 1 for size in sizes) > 0.1 * len(sizes)
    assert not any(re.search(r"HAVING COUNT\(\*\) (>=|<) 1$", one.sql) for one in all_questions())


@pytest.mark.parametrize(
    ("phrase", "plural"),
    [
        ("years of service", "years of service"),
        ("months of deposit", "months of deposit"),
        ("hours spent", "hours spent"),
        ("minutes to arrive", "minutes to arrive"),
        ("litres in the tank", "litres in the tank"),
        ("passengers per day", "passengers per day"),
        ("amount claimed", "amounts claimed"),
        ("days worked", "days worked"),
        ("copies sold", "copies sold"),
        ("year built", "years built"),
        ("date they joined", "dates they joined"),
        ("year it came out", "years it came out"),
        ("price of a permit", "prices of a permit"),
        ("first and last name", "first and last names"),
        ("status", "statuses"),
        ("address", "addresses"),
        ("prize money", "prize money"),
        ("species", "species"),
    ],
)
def test_only_the_head_of_a_phrase_is_in_plural(phrase: str, plural: str) -> None:
    assert in_plural(phrase) == plural


def test_no_phrase_of_a_domain_gets_a_plural_twice() -> None:
    columns = [column for domain in DOMAINS for table in domain.tables for column in table.columns]
    for phrase in (phrase for column in columns for phrase in column.phrases):
        assert not re.search(
            r"[^sa]ss(es)?\b(?<!ness)", in_plural(phrase).replace("class", "").replace("glass", "")
        ) or (re.search(r"ss\b", phrase)), phrase
        assert in_plural(in_plural(phrase)) == in_plural(phrase)


def test_what_are_is_followed_by_a_plural_or_by_several_columns() -> None:
    texts = [one.text for one in all_questions()]
    assert not [
        text for text in texts if re.match(r"What are the (name|title|city|price|status|id|code) (of|for)", text)
    ]
    wording = Wording(random.Random(0))
    asked = {wording.ask("price", "books") for _ in range(300)}
    assert any(text.startswith("What is the price ") for text in asked)
    assert not any("are the price" in text for text in asked)


def test_verbs_agree_with_what_a_column_is_called() -> None:
    assert [is_or_are(phrase) for phrase in ("platforms", "points", "status", "number of points")] == [
        "are",
        "are",
        "is",
        "is",
    ]
    words = DomainColumn("points", "measure", ("points",), range=(1, 90))
    column = DrawnColumn("points", "number", words)
    table = next(tables())
    texts = {compared(table, column, Wording(random.Random(seed))).text for seed in range(200)}
    assert any("whose points are" in text for text in texts)
    assert not any("points is" in text or "a points" in text for text in texts)


def test_frames_without_a_verb_or_with_a_name_that_is_named_are_gone() -> None:
    wording = Wording(random.Random(0))
    lists = {wording.ask("names", "agencies with the country X") for _ in range(500)}
    assert not any("agencies with the country X?" in text and text.startswith("Which") for text in lists)
    assert not any(text.startswith("Name the") for text in lists)
    numbers = {wording.ask_number("horses with a rider") for _ in range(300)}
    assert "How many horses with a rider?" not in numbers
    assert "How many horses were sold?" in {wording.ask_number("horses that were sold") for _ in range(300)}
    assert "How many books of authors are Irish?" not in {
        wording.ask_number("books of authors that are Irish") for _ in range(300)
    }


def test_an_order_follows_the_rows_and_never_only_or_please() -> None:
    wording = Wording(random.Random(0))
    for _ in range(500):
        text = wording.ask("labels", "camps", order="sorted by stock")
        assert text.rstrip(".?").endswith(" sorted by stock")
        assert not re.search(r"only|please", text, re.IGNORECASE)


def test_superlatives_stand_beside_the_column_only_if_they_fit_every_column() -> None:
    owns = Counter()
    columns = [column for table in tables(200) for column in table.with_role("measure", "year", "date")]
    for seed, column in enumerate(columns):
        _, text = single_table.extreme(column, Wording(random.Random(seed)))
        if match := re.fullmatch(r"that is (?:the )?(.+)", text):
            assert match[1] not in ("highest", "largest", "lowest", "smallest", "latest", "earliest", "best", "worst")
            owns[match[1]] += 1
        else:
            assert re.search(
                r" the (highest|lowest|largest|smallest|greatest|maximum|latest|earliest|most recent|best|worst|most|"
                r"fewest) ",
                text,
            ), text
    assert len(owns) > 10


def test_superlatives_of_a_table_belong_to_one_column_each() -> None:
    for domain in DOMAINS:
        for table in domain.tables:
            own = [word for column in table.columns for word in (column.most, column.least) if word]
            assert len(own) == len(set(own)), (domain.name, table.name)


def test_a_column_is_never_called_number_alone() -> None:
    phrases = {
        phrase for domain in DOMAINS for table in domain.tables for one in table.columns for phrase in one.phrases
    }
    assert "number" not in phrases
    assert "flat number" in phrases


def test_two_values_are_compared_one_by_one_and_keep_their_parentheses_beside_others() -> None:
    found: Counter[str] = Counter()
    for seed, table in enumerate(tables(300)):
        for column in table.with_role("category"):
            sql = condition_on(table, column, Wording(random.Random(seed))).sql
            found["in"] += " IN (" in sql
            found["or"] += " OR " in sql
            found["and"] += " <> " in sql and " AND " in sql
            assert (" OR " in sql) == sql.startswith("(")
    assert found["or"] > 4 * found["in"]
    assert min(found["or"], found["and"]) > 3


def test_conditions_that_are_joined_by_and_all_hold() -> None:
    """`a = 1 OR a = 2 AND b > 3`, without parentheses, would let through rows of `a = 1` alone."""
    wheres = [sqlglot.parse_one(one.sql, read="sqlite").args["where"] for one in questions(single_table.two_conditions)]
    under_or = [both for where in wheres for either in where.find_all(exp.Or) for both in either.find_all(exp.And)]
    assert all(isinstance(side, exp.NEQ) for both in under_or for side in (both.left, both.right))
    assert any(both.find(exp.Paren) for where in wheres for both in where.find_all(exp.And))
    for one in questions(single_table.list_rows):
        assert not re.search(r"WHERE \([^()]*\)$", one.sql)


def test_conditions_on_two_values_are_not_apart_from_others() -> None:
    two = Condition("", "(t.a = 'x' OR t.a = 'y')")
    assert not apart(two, Condition("", "t.a = 'z'"))
    assert apart(Condition("", "t.a = 'x'"), Condition("", "t.a = 'z'"))


def test_few_conditions_are_ranges() -> None:
    drawn = [draw_condition(table, Wording(random.Random(seed))) for seed, table in enumerate(tables(400))]
    conditions = [condition for condition in drawn if condition]
    between = sum(" BETWEEN " in condition.sql for condition in conditions)
    assert 0 < between < 0.06 * len(conditions)


def test_the_grammar_allows_every_answer() -> None:
    rng = random.Random(5)
    checked = 0
    while checked < 40:
        database = draw_database(rng.choice(DOMAINS), rng)
        question = rng.choice(PATTERNS)(database, Wording(rng))
        if question:
            assert allows(database.schema, canonical_sql(question.sql, database.schema)), question.sql
            checked += 1
