"""The books of the sample database: publishers, authors, titles, and what reviewers say."""

import random
import sqlite3

from text_to_sql.sample_content import COUNTRIES, GENRES, OPINIONS, PUBLISHERS, REMARKS, TITLES, split_list
from text_to_sql.sample_people import Names


def add_publishers(connection: sqlite3.Connection) -> None:
    """Inserts all publishers; they do not depend on the seed."""
    for country, publishers in PUBLISHERS.items():
        rows = [(*item.rsplit(" ", 1), country) for item in split_list(publishers)]
        connection.executemany("INSERT INTO publishers (name, founded_year, country) VALUES (?, ?, ?)", rows)


def add_books(connection: sqlite3.Connection, rng: random.Random, names: Names) -> None:
    """Inserts all titles, and draws authors for them, each of whom keeps to one language and one genre."""
    books = []
    for (language, genre), text in TITLES.items():
        titles = split_list(text)
        authors = [_add_author(connection, rng, names, language) for _ in range(1 + len(titles) // 3)]
        publishers = _publishers_of(connection, language)
        for number, title in enumerate(rng.sample(titles, len(titles))):
            author = authors[number] if number < len(authors) else rng.choice(authors)
            books.append((title, genre, language, *_draw_print(rng, genre, author, rng.choice(publishers))))
    rng.shuffle(books)
    connection.executemany(
        "INSERT INTO books (title, genre, language, author_id, publisher_id, price, pages, published_year) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        books,
    )


def _add_author(connection: sqlite3.Connection, rng: random.Random, names: Names, language: str) -> tuple[int, int]:
    """Inserts one author; returns (author_id, birth_year)."""
    # Books in English may be translated from any language.
    countries = [name for name, country in COUNTRIES.items() if language in ("English", country.language)]
    country = rng.choices(countries, [COUNTRIES[name].author_share for name in countries])[0]
    birth_year = rng.randint(1942, 1994)
    row = (names.draw(country), country, birth_year)
    cursor = connection.execute("INSERT INTO authors (name, country, birth_year) VALUES (?, ?, ?)", row)
    return cursor.lastrowid, birth_year


def _publishers_of(connection: sqlite3.Connection, language: str) -> list[tuple[int, int]]:
    """Returns (publisher_id, founded_year) of the publishers of books in `language`."""
    rows = connection.execute("SELECT publisher_id, founded_year, country FROM publishers ORDER BY publisher_id")
    return [(publisher, founded) for publisher, founded, country in rows if COUNTRIES[country].language == language]


def _draw_print(
    rng: random.Random, genre: str, author: tuple[int, int], publisher: tuple[int, int]
) -> tuple[int, int, float, int, int]:
    """Draws (author_id, publisher_id, price, pages, published_year); longer books tend to cost more."""
    least_pages, most_pages, lowest_price, highest_price = GENRES[genre]
    length = rng.random()
    pages = round(least_pages + length * (most_pages - least_pages))
    costliness = 0.6 * length + 0.4 * rng.random()
    dollars = int(lowest_price + costliness * (highest_price - lowest_price))
    price = round(dollars + rng.choice((0.25, 0.5, 0.95, 0.99)), 2)
    # Nobody here was published before the age of 25, and recent years have more books.
    earliest = max(1985, author[1] + 25, publisher[1])
    return author[0], publisher[0], price, pages, int(rng.triangular(earliest, 2026, 2026))


def draw_comment(rng: random.Random, rating: int) -> str | None:
    """Returns what a reviewer who gave `rating` stars (1 to 5) writes, or None: a third leave it at the stars."""
    if rng.random() < 0.35:
        return None
    opinion = rng.choice(OPINIONS[rating])
    return f"{opinion} {rng.choice(REMARKS)}" if rng.random() < 0.5 else opinion
