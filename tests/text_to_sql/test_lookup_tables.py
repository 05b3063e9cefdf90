"""Categories that have a table of their own: the domain stays whole, and questions reach them by joins."""

import random

from text_to_sql.generator.database import draw_database
from text_to_sql.generator.domain import Domain, DomainColumn, DomainTable, load_domains
from text_to_sql.generator.generate import generate
from text_to_sql.generator.lookup_tables import with_lookup_tables
from text_to_sql.generator.naming import Naming

HORSES = Domain(
    "horses",
    (
        DomainTable(
            "horse",
            (("horse", "horses"),),
            (
                DomainColumn("horse_id", "key"),
                DomainColumn("name", "name", phrases=("name",), values=("Bramble", "Comet")),
                DomainColumn("breed", "category", phrases=("breed",), values=("Arabian", "Shire")),
            ),
        ),
    ),
)


def test_a_category_becomes_a_code_that_refers_to_its_table() -> None:
    domain = with_lookup_tables(HORSES, random.Random(0))
    horse, lookup = sorted(domain.tables, key=lambda table: table.name)
    assert [column.name for column in horse.columns] == ["horse_id", "name", "breed_code"]
    assert (horse.columns[2].role, horse.columns[2].to) == ("reference", lookup.name)
    key, description = lookup.columns
    assert (key.name, key.role) == ("breed_code", "key")
    assert description.name in ("breed_name", "breed_description")
    assert description.values == ("Arabian", "Shire")
    assert lookup.nouns == (("breed", "breeds"),)


def test_a_vague_category_is_named_after_its_table() -> None:
    kind = DomainColumn("type", "category", phrases=("type",), values=("a", "b"))
    horse = HORSES.tables[0]
    domain = Domain("horses", (DomainTable("horse", horse.nouns, (*horse.columns[:2], kind)),))
    [lookup] = [table for table in with_lookup_tables(domain, random.Random(1)).tables if table.name != "horse"]
    assert lookup.nouns == (("horse type", "horse types"),)


def test_a_domain_without_categories_stays_as_it_is() -> None:
    horse = HORSES.tables[0]
    domain = Domain("horses", (DomainTable("horse", horse.nouns, horse.columns[:2]),))
    assert with_lookup_tables(domain, random.Random(0)) == domain


def test_databases_have_them_now_and_then_under_several_names() -> None:
    domains = [domain for domain in load_domains() if not domain.fixed]
    rng = random.Random(2)
    databases = [draw_database(rng.choice(domains), rng) for _ in range(600)]
    lookups = [table for one in databases for table in one.tables if table.words.name.startswith("lookup_")]
    assert 0.1 < len(lookups) / len(databases) < 0.6
    assert {"ref", "loo"} < {table.name.lower()[:3] for table in lookups}
    assert all(table.key.type == "text" for table in lookups)


def test_questions_reach_them_by_joins() -> None:
    questions = [example for pack in generate(400, [HORSES], 0) for example in pack]
    assert any(" JOIN " in one.sql and "escription = 'Arabian'" in one.sql for one in questions)


def test_a_prefix_is_not_written_twice() -> None:
    naming = Naming("_".join, "_".join, False, True, False, False, False)
    assert naming.column("breed_description", "breed") == "breed_description"
    assert naming.column("height", "horse") == "horse_height"
