"""The sample database of the course, an online bookshop: `python -m text_to_sql.sample_database --output FILE`.

One SQLite file, drawn from a seed: the same seed gives the same rows. The shop sells in eight countries; prices are in
US dollars, dates are ISO text, and everything is as it stood in the evening of 2025-12-31.
"""

import argparse
import os
import random
import sqlite3
import sys
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from inference.cache import cache_folder
from text_to_sql.sample_content import (
    CONTENT_VERSION,
    COUNTRIES,
    GENRES,
    OPINIONS,
    PUBLISHERS,
    REMARKS,
    TITLES,
    Names,
    mailbox,
    split_items,
)

SAMPLE_SEED = 20261123

_CUSTOMERS = 300
_ORDERS = 1_000
_SHOP_OPENED = date(2021, 3, 1)
_FIRST_ORDER = date(2023, 1, 1)
_LAST_DAY = date(2025, 12, 31)
_FREE_SHIPPING_FROM = 60.0

_SCHEMA = """
CREATE TABLE publishers (
    publisher_id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, country TEXT NOT NULL, founded_year INTEGER NOT NULL
);
CREATE TABLE authors (
    author_id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, country TEXT NOT NULL, birth_year INTEGER NOT NULL
);
CREATE TABLE books (
    book_id INTEGER PRIMARY KEY,
    title TEXT NOT NULL UNIQUE,
    author_id INTEGER NOT NULL REFERENCES authors (author_id),
    publisher_id INTEGER NOT NULL REFERENCES publishers (publisher_id),
    genre TEXT NOT NULL,
    language TEXT NOT NULL,
    price REAL NOT NULL CHECK (price > 0),
    pages INTEGER NOT NULL CHECK (pages > 0),
    published_year INTEGER NOT NULL
);
CREATE TABLE customers (
    customer_id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL UNIQUE, city TEXT NOT NULL,
    country TEXT NOT NULL, joined_on DATE NOT NULL
);
CREATE TABLE orders (
    order_id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customers (customer_id),
    ordered_on DATE NOT NULL,
    shipped_on DATE CHECK (shipped_on >= ordered_on),
    status TEXT NOT NULL CHECK (status IN ('processing', 'shipped', 'delivered', 'returned', 'cancelled')),
    shipping_cost REAL NOT NULL CHECK (shipping_cost >= 0)
);
CREATE TABLE order_items (
    order_id INTEGER NOT NULL REFERENCES orders (order_id),
    book_id INTEGER NOT NULL REFERENCES books (book_id),
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    unit_price REAL NOT NULL CHECK (unit_price > 0),
    PRIMARY KEY (order_id, book_id)
);
CREATE TABLE reviews (
    review_id INTEGER PRIMARY KEY,
    book_id INTEGER NOT NULL REFERENCES books (book_id),
    customer_id INTEGER NOT NULL REFERENCES customers (customer_id),
    rating INTEGER NOT NULL CHECK (rating BETWEEN 1 AND 5),
    comment TEXT,
    reviewed_on DATE NOT NULL,
    UNIQUE (book_id, customer_id)
);
"""
