"""The people of the sample database: names that are usual in their country, and the customers."""

import random
import sqlite3
import unicodedata
from datetime import date, timedelta

from text_to_sql.sample_content import COUNTRIES, split_list

_CUSTOMERS = 300
_SHOP_OPENED = date(2021, 3, 1)
_LAST_JOINED = date(2025, 11, 30)

# Faker's Korean names come in Hangul only. The commonest family names stand first.
_KOREAN_FAMILY_NAMES = split_list(
    "Kim; Lee; Park; Choi; Jung; Kang; Cho; Yoon; Jang; Lim; Han; Oh; Seo; Shin; Kwon; Hwang"
)
_KOREAN_GIVEN_NAMES = split_list(
    """Minjun; Seojun; Doyun; Jiho; Hajun; Siwoo; Jihoon; Hyunwoo; Sungmin; Donghyun; Jaewon; Youngho; Sangwoo; Seoyeon;
    Kyungsoo; Jiwoo; Minseo; Haeun; Soyeon; Yuna; Eunji; Hyejin; Sujin; Jimin; Chaewon; Nayeon; Yerin; Dahyun; Boram"""
)
_ASCII_SPELLINGS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"})


def mailbox(name: str) -> str:
    """Returns the part of a person's email address before the @, such as `ann.obrien` for `Ann O'Brien`."""
    return name.lower().replace(" ", ".").replace("'", "")


class Names:
    """Draws names of people, in ASCII and with mailboxes that are all different."""

    def __init__(self, rng: random.Random) -> None:
        # The command line reaches this module, and needs Faker only when the sample database is built.
        from faker import Faker

        self._rng = rng
        self._mailboxes: set[str] = set()
        self._fakers: dict[str, Faker] = {}
        for name, country in COUNTRIES.items():
            self._fakers[name] = Faker(country.locale, providers=["faker.providers.person"])
            self._fakers[name].seed_instance(rng.getrandbits(64))

    def draw(self, country: str) -> str:
        """Returns a name that is usual in `country`, given name first; never the same one twice."""
        name = self._draw_any(country)
        while mailbox(name) in self._mailboxes:
            name = self._draw_any(country)
        self._mailboxes.add(mailbox(name))
        return name

    def _draw_any(self, country: str) -> str:
        if country == "South Korea":
            common_first = range(len(_KOREAN_FAMILY_NAMES), 0, -1)
            family = self._rng.choices(_KOREAN_FAMILY_NAMES, common_first)[0]
            return f"{self._rng.choice(_KOREAN_GIVEN_NAMES)} {family}"
        faker = self._fakers[country]
        if country == "Japan":
            return f"{faker.first_romanized_name()} {faker.last_romanized_name()}"
        name = f"{faker.first_name()} {faker.last_name()}".translate(_ASCII_SPELLINGS)
        return unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()


def add_customers(connection: sqlite3.Connection, rng: random.Random, names: Names) -> None:
    """Inserts the customers, in the order in which they joined."""
    shares = [country.customer_share for country in COUNTRIES.values()]
    days = (_LAST_JOINED - _SHOP_OPENED).days
    customers = []
    for day in sorted(rng.randint(0, days) for _ in range(_CUSTOMERS)):
        country = rng.choices(list(COUNTRIES), shares)[0]
        name = names.draw(country)
        cities = split_list(COUNTRIES[country].cities)
        city = rng.choices(cities, range(len(cities) + 2, 2, -1))[0]
        email = f"{mailbox(name)}@example.{rng.choice(('com', 'net', 'org'))}"
        customers.append((name, email, city, country, (_SHOP_OPENED + timedelta(days=day)).isoformat()))
    connection.executemany(
        "INSERT INTO customers (name, email, city, country, joined_on) VALUES (?, ?, ?, ?, ?)", customers
    )
