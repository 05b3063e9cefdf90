"""Names of people in two columns: `first_name` and `last_name`."""

from dataclasses import replace

from text_to_sql.generator.domain import DomainColumn, vocabulary

FIRST, LAST = "first_name", "last_name"
# Not the buyer of a sale, whose first name is not that of the sale.
_OWN_NAME_PHRASES = ("name", "full name")
_LAST_PHRASES = ("last name", "surname", "family name")


def in_two_names(column: DomainColumn) -> list[DomainColumn]:
    """Returns two columns for one that holds the full names by which a table's rows are known, else the one."""
    words = vocabulary()
    is_own_name = column.role == "name" and column.phrases[0] in _OWN_NAME_PHRASES
    if not is_own_name or column.values != tuple(words["full_names"]):
        return [column]
    return [
        replace(column, name=FIRST, phrases=("first name",), values=tuple(words["first_names"])),
        replace(column, name=LAST, phrases=_LAST_PHRASES, values=tuple(words["last_names"])),
    ]
