"""Which tables stay when a schema is too wide."""

from text_to_sql.pruning import prune_schema
from text_to_sql.schema import Schema, parse_schema
from text_to_sql.values import ValueMatch

SCHEMA = parse_schema(
    "CREATE TABLE author (author_id number, name text)\n"
    "CREATE TABLE book (book_id number, title text, author_id number)\n"
    "CREATE TABLE shop (shop_id number, street text)\n"
    "CREATE TABLE stock (shop_id number, book_id number, copies number)"
)


def kept(question: str, count: int, **options: object) -> list[str]:
    pruned = prune_schema(SCHEMA, question, (), lambda schema: len(schema.tables) <= count, **options)
    return [table.name for table in pruned.tables]


def test_a_schema_that_fits_stays_itself() -> None:
    assert prune_schema(SCHEMA, "", (), lambda _: True) is SCHEMA


def test_the_tables_that_the_question_names_stay_in_their_order() -> None:
    assert kept("Which shops are in Mill street?", 1) == ["shop"]
    assert kept("Which books has each author written?", 2) == ["author", "book"]


def test_a_neighbour_stays_before_a_stranger() -> None:
    assert kept("How many copies?", 2) == ["shop", "stock"] or kept("How many copies?", 2) == ["book", "stock"]


def test_a_cell_that_the_question_names_speaks_for_its_table() -> None:
    values = [ValueMatch("shop", "street", "Rose Lane")]
    pruned = prune_schema(SCHEMA, "Who is in Rose Lane?", values, lambda schema: len(schema.tables) <= 1)
    assert [table.name for table in pruned.tables] == ["shop"]


def test_keys_of_a_table_go_with_it() -> None:
    pruned = prune_schema(SCHEMA, "author of book", (), lambda schema: len(schema.tables) <= 2)
    assert [(key.table, key.parent_table) for key in pruned.foreign_keys] == [("book", "author")]


def test_one_table_is_left_even_if_nothing_fits() -> None:
    pruned = prune_schema(SCHEMA, "shop", (), lambda _: False)
    assert [table.name for table in pruned.tables] == ["shop"]


def test_wide_schemas_need_few_tries() -> None:
    wide = parse_schema("\n".join(f"CREATE TABLE t{number} (a number)" for number in range(400)))
    tried = []

    def fits(schema: Schema) -> bool:
        tried.append(len(schema.tables))
        return len(schema.tables) <= 37

    assert len(prune_schema(wide, "t7", (), fits).tables) == 37
    assert len(tried) < 12


def test_what_must_stay_stays() -> None:
    def never(_: Schema) -> bool:
        return False

    pruned = prune_schema(SCHEMA, "shop", (), never, keep=["Author", "stock"])
    assert [table.name for table in pruned.tables] == ["author", "stock"]
