"""Dates that a question spells out."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from text_to_sql.dates import spelt_dates


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Who joined on 1 June 2021?", ["1 June 2021: 2021-06-01"]),
        ("Who joined on june 1st, 2021?", ["june 1st, 2021: 2021-06-01"]),
        ("Who joined on the 1st of Jun 2021?", ["1st of Jun 2021: 2021-06-01"]),
        ("Orders of Sept 30 2021", ["Sept 30 2021: 2021-09-30"]),
        ("Orders of February 2024", ["February 2024: 2024-02-01 to 2024-02-29"]),
        ("Orders from 20 to 24 December 2024", ["20 to 24 December 2024: 2024-12-20 to 2024-12-24"]),
        ("Orders from December 20–24, 2024", ["December 20–24, 2024: 2024-12-20 to 2024-12-24"]),
        ("between the 3rd and the 9th of May 2021", ["3rd and the 9th of May 2021: 2021-05-03 to 2021-05-09"]),
        # A day takes the year of the one that it is joined to.
        ("from 1 March to 15 April 2023", ["1 March: 2023-03-01", "15 April 2023: 2023-04-15"]),
        (
            "between March 2020 and May 2021",
            ["March 2020: 2020-03-01 to 2020-03-31", "May 2021: 2021-05-01 to 2021-05-31"],
        ),
        ("after 1 March, and not in May 2021", ["May 2021: 2021-05-01 to 2021-05-31"]),
        ("from 30 December to 2 January 2021", ["30 December: 2020-12-30", "2 January 2021: 2021-01-02"]),
        ("from March to May 2021", ["March to May 2021: 2021-03-01 to 2021-05-31"]),
        ("on Sept. 5, 2021 or 6 Dec. 2021", ["Sept. 5, 2021: 2021-09-05", "6 Dec. 2021: 2021-12-06"]),
        ("5 May 2021에 주문", ["5 May 2021: 2021-05-05"]),
        # Two days, not all between them.
        ("on 2 and 5 May 2021", []),
        ("in March and May 2021", []),
        # No dates.
        ("aprıl 2020, APRİL 2020, ſept 2020, auguſt 2021", []),
        ("Which 12 authors may march?", []),
        ("Who was born on 5/6/2021 or in 2020?", []),
        ("Orders of 31 June 2021", []),
        ("Orders from 24 to 20 December 2024", []),
        ("Orders of 1 June 0000", []),
        ("", []),
    ],
)
def test_dates_are_read_as_a_person_would(question: str, expected: list[str]) -> None:
    found = [
        f"{one.text}: {one.first}" + (f" to {one.last}" if one.last != one.first else "")
        for one in spelt_dates(question)
    ]
    assert found == expected


@given(
    st.dates(min_value=date(1000, 1, 1)),
    st.sampled_from(["{0:%-d} {0:%B} {0:%Y}", "{0:%B} {0:%-d}, {0:%Y}", "the {0:%-d}th of {0:%b} {0:%Y}"]),
)
def test_every_day_is_read_back(day: date, form: str) -> None:
    (found,) = spelt_dates(f"Which orders came on {form.format(day)}?")
    assert (found.first, found.last) == (day, day)


@given(st.text() | st.text(alphabet="may june 0123456789 -to,of and"))
def test_any_text_is_read_without_an_error(text: str) -> None:
    assert all(one.first <= one.last and one.text in text for one in spelt_dates(text))
