"""Conditions on numbers, years and days, in words and in SQL."""

from calendar import month_name, monthrange
from datetime import date

from text_to_sql.generator.database import DrawnColumn, DrawnTable
from text_to_sql.generator.wording import Condition, Wording, is_or_are, is_plural

# Of numbers above, below, at least, at most, at and between others.
_SHARES = (10, 7, 3, 3, 4, 1)


def compared(table: DrawnTable, column: DrawnColumn, wording: Wording) -> Condition:
    """A number above, below, at or between others."""
    words, phrase, value = column.words, wording.phrase(column), wording.number_of(column)
    name = table.sql(column)
    if isinstance(value, int) and "star" in phrase and wording.chance(0.4):
        return Condition(f"{wording.amount(value)}-star", f"{name} = {value}", before=True)
    kind = wording.rng.choices(("more", "less", "at least", "at most", "equal", "between"), _SHARES)[0]
    if kind == "between":
        return _between(name, phrase, value, wording.number_of(column), wording)
    is_ = is_or_are(phrase)
    texts: dict[str, tuple[str, tuple[str, ...]]] = {
        "more": (">", (f"with {phrase} {{}} {value}", f"whose {phrase} {is_} {{}} {value}")),
        "less": ("<", (f"with {phrase} {{}} {value}", f"whose {phrase} {is_} {{}} {value}")),
        "at least": (">=", (f"with {phrase} of at least {value}", f"whose {phrase} {is_} {value} or more")),
        "at most": ("<=", (f"with {phrase} of at most {value}", f"whose {phrase} {is_} {value} or less")),
        "equal": ("=", (f"with {phrase} {value}", f"whose {phrase} {is_} {value}", f"with {phrase} equal to {value}")),
    }
    operator, forms = texts[kind]
    comparison = {
        "more": wording.pick("above", "over", "greater than", "more than", "higher than", "larger than"),
        "less": wording.pick("below", "under", "less than", "smaller than", "lower than"),
    }.get(kind, "")
    own = {"more": words.more, "less": words.less}.get(kind, "")
    text = own.format(value) if own and wording.chance(0.5) else wording.pick(*forms).format(comparison)
    return Condition(text, f"{name} {operator} {value}")


def _between(name: str, phrase: str, one: float, other: float, wording: Wording) -> Condition:
    low, high = sorted((one, other))
    if low == high:
        return Condition(f"with {phrase} {low}", f"{name} = {low}")
    article = "" if is_plural(phrase) else "a "
    text = wording.pick(
        f"with {phrase} between {low} and {high}",
        f"with {article}{phrase} from {low} to {high}",
        f"whose {phrase} {is_or_are(phrase)} between {low} and {high}",
    )
    return Condition(text, f"{name} BETWEEN {low} AND {high}")


def in_year(table: DrawnTable, column: DrawnColumn, wording: Wording) -> Condition:
    """A year, a decade, or years before, after or between."""
    words, phrase, year = column.words, wording.phrase(column), wording.rng.randint(*column.words.range)
    name = table.sql(column)
    if wording.chance(0.2):
        return _years(name, column, phrase, year, wording)
    operator, own, general = wording.rng.choice(
        [
            (">", words.after, f"with {phrase} after {year}"),
            ("<", words.before, f"with {phrase} before {year}"),
            ("=", words.at, f"whose {phrase} is {year}"),
        ]
    )
    text = own.format(year) if own and wording.chance(0.75) else general
    return Condition(text, f"{name} {operator} {year}")


def _years(name: str, column: DrawnColumn, phrase: str, year: int, wording: Wording) -> Condition:
    """Several years; `at` such as `born in {}` gives `born in the 1940s`, and `born` alone the words for the others."""
    verb = column.words.at.removesuffix(" in {}")
    verb = verb if verb != column.words.at else f"with {phrase}"
    decade, later = year // 10 * 10, year + wording.rng.randint(1, 12)
    between = wording.rng.choice(
        [
            (f"{verb} in the {decade}s", f"BETWEEN {decade} AND {decade + 9}"),
            (f"{verb} between {year} and {later}", f"BETWEEN {year} AND {later}"),
            (f"{verb} from {year} to {later}", f"BETWEEN {year} AND {later}"),
        ]
    )
    text, condition = wording.rng.choice(
        [
            between,
            (f"{verb} in {year} or later", f">= {year}"),
            (f"{verb} since {year}", f">= {year}"),
            (f"{verb} in {year} or earlier", f"<= {year}"),
        ]
    )
    return Condition(text, f"{name} {condition}")


def on_day(table: DrawnTable, column: DrawnColumn, wording: Wording) -> Condition:
    """A day, or days before, after or within a year or a month."""
    if wording.chance(0.15):
        return _within(table, column, wording)
    words, phrase, day = column.words, wording.phrase(column), wording.day_of(column)
    shown = spelt_day(day, wording)
    operator, own, general = wording.rng.choice(
        [
            (">", words.after, f"whose {phrase} is after {shown}"),
            ("<", words.before, f"whose {phrase} is before {shown}"),
            ("=", "", f"whose {phrase} is {shown}"),
        ]
    )
    text = own.format(shown) if own and wording.chance(0.7) else general
    return Condition(text, f"{table.sql(column)} {operator} '{day}'")


def spelt_day(day: str, wording: Wording) -> str:
    """Returns `2021-06-01`, `1 June 2021` or `June 1, 2021`."""
    one = date.fromisoformat(day)
    month = month_name[one.month]
    return wording.pick(day, day, f"{one.day} {month} {one.year}", f"{month} {one.day}, {one.year}")


def _spelt_days(first: date, last: date, wording: Wording) -> str:
    """Returns two days of one month in words."""
    month, year = month_name[first.month], first.year
    return wording.pick(
        f"from {first.day} to {last.day} {month} {year}",
        f"between {first.day} and {last.day} {month} {year}",
        f"between {month} {first.day} and {month} {last.day}, {year}",
        f"from {month} {first.day} to {last.day}, {year}",
    )


def _within(table: DrawnTable, column: DrawnColumn, wording: Wording) -> Condition:
    """A date within a year or a month, or between two days of one."""
    day, phrase = date.fromisoformat(wording.day_of(column)), wording.phrase(column)
    days = monthrange(day.year, day.month)[1]
    kind = wording.rng.choices(("year", "month", "days"), (5, 3, 3))[0]
    if kind == "year":
        first, last, named = f"{day.year}-01-01", f"{day.year}-12-31", str(day.year)
    else:
        first, last = f"{day:%Y-%m}-01", f"{day:%Y-%m}-{days}"
        named = f"{month_name[day.month]} {day.year}"
    after = column.words.after
    verb = after.removesuffix(" after {}") if after.endswith(" after {}") else ""
    general = wording.pick(f"with a {phrase} in {named}", f"whose {phrase} is in {named}", f"from {named}")
    text = f"{verb} in {named}" if verb and wording.chance(0.7) else general
    if kind == "days" and day.day < days:
        end = day.replace(day=wording.rng.randint(day.day + 1, days))
        first, last = day.isoformat(), end.isoformat()
        text = f"{verb or f'with a {phrase}'} {_spelt_days(day, end, wording)}"
    return Condition(text, f"{table.sql(column)} BETWEEN '{first}' AND '{last}'")
