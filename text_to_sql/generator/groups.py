"""Questions about groups of one table's rows: a number for each, the largest, those with enough rows."""

from text_to_sql.generator.database import DrawnColumn, DrawnDatabase, DrawnTable
from text_to_sql.generator.single_table import Pattern, aggregate_words, as_number, draw_table
from text_to_sql.generator.wording import Question, Wording, in_plural


def groups(database: DrawnDatabase, wording: Wording) -> Question | None:
    """For each value of a column, the number of rows or an aggregate."""
    table = draw_table(database, wording, "category", "year", "flag")
    if table is None:
        return None
    column = wording.rng.choice(table.with_role("category", "year", "flag"))
    phrase, whom = wording.phrase(column), wording.plural(table)
    measures = table.with_role("measure")
    if measures and wording.chance(0.45):
        measure = wording.rng.choice(measures)
        function, what = aggregate_words(wording, measure)
        call, what = f"{function}({table.sql(measure)})", f"{what} of {whom}"
    else:
        call, what = "COUNT(*)", wording.pick(f"number of {whom}", f"count of {whom}", f"total number of {whom}")
    each = wording.pick("each", "each", "every", "each different")
    text = wording.pick(
        f"What is the {what} for {each} {phrase}?",
        f"For {each} {phrase}, show the {phrase} and the {what}",
        f"Show each {phrase} and the {what}",
        f"Find the {what} for {each} {phrase}",
        f"List the {phrase} and the {what} for {each} {phrase}",
        f"Give the {what} grouped by {phrase}, together with the {phrase}",
    )
    sql = f"SELECT {table.sql(column)}, {call} FROM {table.source} GROUP BY {table.sql(column)}"
    if wording.chance(0.25) and not text.endswith("?"):
        descending = wording.chance(0.7)
        order = (
            wording.pick("from highest to lowest", "in descending order of that number", "largest first")
            if descending
            else wording.pick("from lowest to highest", "in ascending order of that number", "smallest first")
        )
        return Question(f"{text}, {order}.", f"{sql} ORDER BY {call} {'DESC' if descending else 'ASC'}")
    return Question(text if text.endswith("?") else f"{text}.", sql)


def rows_per_reference(database: DrawnDatabase, wording: Wording) -> Question | None:
    """Ids that a table holds of another, with the number of rows, which need no join."""
    if not database.references:
        return None
    reference = wording.rng.choice(database.references)
    table, name = reference.child, reference.child.sql(reference.column)
    others, one = wording.plural(table), wording.singular(reference.parent)
    id_ = "code" if reference.column.type == "text" else "id"
    grouped = f"FROM {table.source} GROUP BY {name}"
    if wording.chance(0.4):
        text = wording.pick(
            f"Show each {one} {id_} and the number of {others}.",
            f"How many {others} are there for each {one} {id_}?",
            f"For each {one}, show its {id_} and how many {others} it has.",
            f"List the {one} {in_plural(id_)} and the number of {others} of each.",
        )
        return Question(text, f"SELECT {name}, COUNT(*) {grouped}")
    if wording.chance(0.5):
        text = wording.pick(
            f"What is the {id_} of the {one} with the most {others}?",
            f"Which {one} has the largest number of {others}? Give its {id_}.",
            f"Find the {one} {id_} that has the most {others}.",
        )
        return Question(text, f"SELECT {name} {grouped} ORDER BY COUNT(*) DESC LIMIT 1")
    (words, operator, number), many = draw_size(wording), wording.plural(reference.parent)
    some = f"{words} {wording.amount(number)} {others if number > 1 else wording.singular(table)}"
    text = wording.pick(
        f"Find the {in_plural(id_)} of {many} with {some}.",
        f"Which {many} have {some}? Show their {in_plural(id_)}.",
        f"Show the {one} {in_plural(id_)} that have {some}.",
    )
    return Question(text, f"SELECT {name} {grouped} HAVING COUNT(*) {operator} {number}")


def most_common(database: DrawnDatabase, wording: Wording) -> Question | None:
    """The value that most or fewest rows have."""
    table = draw_table(database, wording, "category", "year")
    if table is None:
        return None
    column = wording.rng.choice(table.with_role("category", "year"))
    phrase, whom, least = wording.phrase(column), wording.plural(table), wording.chance(0.25)
    if wording.chance(0.2):
        return _most_common_few(table, column, wording)
    text = (
        wording.pick(f"What is the least common {phrase} of {whom}?", f"Which {phrase} has the fewest {whom}?")
        if least
        else wording.pick(
            f"What is the most common {phrase} of {whom}?",
            f"Which {phrase} is the most common among {whom}?",
            f"Find the {phrase} that the most {whom} have.",
            f"Which {phrase} has the most {whom}?",
            f"Show the {phrase} with the largest number of {whom}.",
        )
    )
    order = f"ORDER BY COUNT(*) {'ASC' if least else 'DESC'} LIMIT 1"
    return Question(text, f"SELECT {table.sql(column)} FROM {table.source} GROUP BY {table.sql(column)} {order}")


def _most_common_few(table: DrawnTable, column: DrawnColumn, wording: Wording) -> Question:
    number = wording.rng.choice((2, 3, 5))
    spelt = wording.amount(number)
    phrases, whom = in_plural(wording.phrase(column)), wording.plural(table)
    text = wording.pick(
        f"Which {spelt} {phrases} have the most {whom}?",
        f"What are the {spelt} most common {phrases} of {whom}?",
        f"List the {spelt} {phrases} with the largest number of {whom}.",
    )
    order = f"ORDER BY COUNT(*) DESC LIMIT {number}"
    return Question(text, f"SELECT {table.sql(column)} FROM {table.source} GROUP BY {table.sql(column)} {order}")


def large_groups(database: DrawnDatabase, wording: Wording) -> Question | None:
    """The values that at least, more than or fewer than a number of rows have."""
    table = draw_table(database, wording, "category", "year")
    if table is None:
        return None
    column = wording.rng.choice(table.with_role("category", "year"))
    if (measures := table.with_role("measure")) and wording.chance(0.35):
        return _groups_by_average(table, column, wording.rng.choice(measures), wording)
    phrases, whom = in_plural(wording.phrase(column)), wording.plural(table)
    words, operator, number = draw_size(wording)
    some = f"{words} {wording.amount(number)} {whom if number > 1 else wording.singular(table)}"
    text = wording.pick(
        f"Which {phrases} have {some}?",
        f"Find the {phrases} that have {some}.",
        f"Show the {phrases} with {some}.",
        f"What are the {phrases} shared by {some}?",
    )
    having = f"GROUP BY {table.sql(column)} HAVING COUNT(*) {operator} {number}"
    return Question(text, f"SELECT {table.sql(column)} FROM {table.source} {having}")


def draw_size(wording: Wording) -> tuple[str, str, int]:
    """Draws what the size of a group is compared with, mostly 1 to 3: words, an operator and the number."""
    [number] = wording.rng.choices((1, 2, 3, 4, 5, 8, 10), (5, 6, 4, 1, 1, 1, 1))
    # Every group has a row.
    if number == 1:
        return "more than", ">", 1
    words, operator = wording.rng.choice(
        [("at least", ">="), ("at least", ">="), ("more than", ">"), ("more than", ">"), ("fewer than", "<")]
    )
    return words, operator, number


def _groups_by_average(table: DrawnTable, column: DrawnColumn, measure: DrawnColumn, wording: Wording) -> Question:
    phrases, whom, value = in_plural(wording.phrase(column)), wording.plural(table), wording.number_of(measure)
    what = f"{wording.pick('average', 'mean')} {as_number(wording.phrase(measure))}"
    words, operator = wording.rng.choice([("above", ">"), ("higher than", ">"), ("below", "<"), ("lower than", "<")])
    text = wording.pick(
        f"Which {phrases} have {whom} whose {what} is {words} {value}?",
        f"For which {phrases} is the {what} of {whom} {words} {value}?",
        f"List the {phrases} where the {what} of the {whom} is {words} {value}.",
    )
    having = f"GROUP BY {table.sql(column)} HAVING AVG({table.sql(measure)}) {operator} {value}"
    return Question(text, f"SELECT {table.sql(column)} FROM {table.source} {having}")


PATTERNS: tuple[tuple[Pattern, int], ...] = (
    (rows_per_reference, 3),
    (groups, 4),
    (most_common, 3),
    (large_groups, 2),
)
