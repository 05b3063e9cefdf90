"""What the sample database is made of: its schema, its countries, its titles and its opinions.

All of it is invented and in ASCII, so that a question can be typed on any keyboard: titles that are not English are
romanised or chosen without accents. Whoever changes the content raises `CONTENT_VERSION`.
"""

from typing import NamedTuple

CONTENT_VERSION = 1

SCHEMA = """
CREATE TABLE publishers (
    publisher_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    country TEXT NOT NULL,
    founded_year INTEGER NOT NULL
);
CREATE TABLE authors (
    author_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    country TEXT NOT NULL,
    birth_year INTEGER NOT NULL
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
    customer_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT NOT NULL UNIQUE,
    city TEXT NOT NULL,
    country TEXT NOT NULL,
    joined_on DATE NOT NULL
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


def split_list(text: str) -> tuple[str, ...]:
    """Splits at semicolons; a line end inside an item counts as one space."""
    return tuple(" ".join(item.split()) for item in text.split(";"))


class Country(NamedTuple):
    """A country that the shop sells in: `shipping_cost` in US dollars a parcel, the two shares relative to each other.

    `author_share` counts books in English, where an author from elsewhere is a translated one.
    """

    language: str
    locale: str
    shipping_cost: float
    customer_share: int
    author_share: int
    cities: str


# Germany takes its names from Austria's list: the German one is full of rare first names.
COUNTRIES = {
    "South Korea": Country("Korean", "ko_KR", 2.5, 24, 8, "Seoul; Busan; Incheon; Daegu; Daejeon; Gwangju; Jeonju"),
    "United States": Country("English", "en_US", 6.9, 20, 35, "New York; Chicago; Seattle; Austin; Boston; Denver"),
    "United Kingdom": Country("English", "en_GB", 5.9, 14, 30, "London; Manchester; Edinburgh; Bristol; Leeds; York"),
    "Germany": Country("German", "de_AT", 5.5, 12, 4, "Berlin; Hamburg; Munich; Cologne; Leipzig; Stuttgart"),
    "France": Country("French", "fr_FR", 5.5, 9, 4, "Paris; Lyon; Marseille; Toulouse; Nantes; Lille"),
    "Japan": Country("Japanese", "ja_JP", 4.5, 8, 5, "Tokyo; Osaka; Kyoto; Sapporo; Fukuoka"),
    "Canada": Country("English", "en_CA", 7.5, 7, 11, "Toronto; Vancouver; Montreal; Calgary; Ottawa"),
    "Spain": Country("Spanish", "es_ES", 5.5, 6, 3, "Madrid; Barcelona; Valencia; Seville; Granada"),
}

# Name and year of foundation.
PUBLISHERS = {
    "United States": "Blue Heron House 1924; Cedar Street Press 1968; Harrow and Pike 1911; Larkspur Editions 1997; "
    "Northgate Books 1953; Prairie Lamp Press 2006",
    "United Kingdom": "Albion Quay 1932; Kestrel Lane Books 1986; Thistledown Press 1974; Wren and Fairley 2003",
    "Canada": "Lakehead Editions 1979; Maple Hollow Press 1991",
    "South Korea": "Dalbit Books 1988; Hanok House 2001; Sonamu Press 1962",
    "Germany": "Lindenhof Verlag 1919; Nordlichter Verlag 1994; Verlag am Kanal 1957",
    "France": "Editions du Tilleul 1947; La Plume Bleue 1983",
    "Spain": "Ediciones Almendro 1965; Faro del Sur 1999",
    "Japan": "Kawabe Books 1971; Tsubaki Shobo 1939",
}

# Fewest and most pages, lowest and highest price in US dollars.
GENRES = {
    "biography": (210, 560, 12, 34),
    "cooking": (140, 360, 18, 54),
    "fantasy": (300, 820, 9, 27),
    "history": (220, 680, 13, 42),
    "mystery": (190, 420, 7, 19),
    "poetry": (56, 160, 6, 18),
    "romance": (180, 390, 4, 16),
    "science fiction": (220, 610, 8, 25),
    "thriller": (240, 480, 8, 22),
    "travel": (150, 400, 11, 33),
}

TITLES = {
    ("English", "biography"): """Ada in the Engine Room; The Restless Mr. Darwin; Hypatia of the Stars; A Life in Four
        Movements; The Quiet Chess Champion; Clara at the Piano; From Shepherd to Senator; The Woman Who Measured Rain;
        Tesla in the Storm; My Father the Lighthouse Keeper; The Boy from Platform Two; Amelia Above the Clouds; The
        Physician of Cairo; Rembrandt's Last Decade; The Engineer of Bridges; Notes from a Jazz Life""",
    ("English", "cooking"): """The Weeknight Kitchen; Bread from Scratch; One Pot, Many Stories; Simple Suppers by the
        Sea; The Vegetable Year; Seoul Street Food at Home; Thirty Soups for Cold Days; The Honest Baker; Curry Without
        Fear; Pickles and Preserves; A Taste of the Basque Coast; The Noodle Notebook; Pies for Every Season; Cooking
        with Grandmother; Sweet Things from Vienna; Lunchbox Ideas for Busy People""",
    ("English", "fantasy"): """The Lantern Keeper of Oss; A Crown of Driftwood; The Last Dragon Cartographer; Ember and
        Hollow; The Well Beneath the Mountain; Seven Doors to Aldermoor; The Moth Prince; Daughters of the Glass River;
        The Oathbreaker's Apprentice; Winter Comes to Tarrow; A Bargain with the Tide; Songs for a Sleeping Giant; The
        Hedge Witch of Marren; The Thirteenth Bell of Corvane; A Map of Borrowed Stars; The Fox Who Stole the Moon""",
    ("English", "history"): """A Short History of Paper Money; The Silk Merchants; Empires of Salt; Rome After the
        Legions; The Spice Ships; When Rivers Made Cities; The Age of Steam and Iron; Castles of the Northern Marches;
        A People's Story of Bread; The Plague Year in London; Mapmakers of the Atlantic; The Long Winter of 1709;
        Revolution in the Coffeehouse; Vikings at the River Gate; The Hanseatic Century; Kings of the Steppe""",
    ("English", "mystery"): """Murder at Pennywhistle Lane; The Vanishing Organist; A Body in the Boathouse; The
        Wednesday Alibi; Death Takes the Slow Train; The Clockmaker's Last Clue; Nobody Saw the Gardener; A Quiet
        Poison; The Widow of Harbour Street; Six Guests for Dinner; The Locked Greenhouse; Inspector Marlow Counts to
        Ten; The Case of the Silent Parrot; A Grave in the Vineyard; Blackberry Season; The Painter's Signature""",
    ("English", "poetry"): """Small Weather; The Salt Alphabet; Field Notes on Grief; What the Heron Said; Blue Hour
        Psalms; Unfinished Bridges; A Hundred Short Rains; Paper Lantern Sonnets; The Weight of Snowfall; Letters to the
        Orchard; Kitchen Window Poems; Tidewater Elegies; The Season of Open Doors; Stone, Leaf, Silence; Songs My
        Neighbour Hums; Half a Moon Over Mokpo""",
    ("English", "romance"): """Letters from Juniper Street; The Summer We Stayed; Second Chance at Willow Bay; A Table
        for Two in Lisbon; Falling for the Baker; Love in Three Time Zones; The Wedding Next Door; Kisses and Cardamom;
        An Almost Perfect Proposal; The Bookbinder's Heart; Meet Me at the Ferry; The Florist's Promise; Dancing in the
        Kitchen; Until the Lemon Trees Bloom; Return to Heather Farm; Twelve Dates in December""",
    ("English", "science fiction"): """The Ganymede Harvest; Orbit of the Drowned City; Signal from Tau Nine; A Thousand
        Days of Mars; The Memory Exchange; Children of the Cold Engine; Static Between the Stars; The Last Botanist on
        Europa; Zero Hour Colony; Machines That Dream of Rain; The Quantum Ferryman; Beyond the Kepler Gate; Rust
        Planet; The Archive of Lost Futures; Half-Life of a Robot; Night Shift on Deimos""",
    ("English", "thriller"): """The Zurich Deposit; Cold Trail North; No Witness Left; The Hostage Clause; Dead Drop in
        Vienna; Eleven Minutes to Midnight; The Whistleblower's Wife; Terminal Four; A Costly Inheritance; The Second
        Informant; Blackout Season; Run Before Dawn; Under False Colours; The Night Courier; What the Driver Knew;
        Nobody Leaves Harrow Point""",
    ("English", "travel"): """Slow Trains Through Europe; Walking the Welsh Coast; Forty Days in Patagonia; The Island
        Hopper's Diary; Korea on Two Wheels; A Winter in Hokkaido; Across Canada by Bus; Deserts I Have Known; The
        Hidden Villages of Provence; Lisbon to Istanbul on Foot; Tea Roads of Asia; Weekend Cities; The Long Way to
        Samarkand; Ferries of the Aegean; Alone on the Appalachian Trail; Night Markets of the East""",
    ("Korean", "cooking"): "Eommaui Bapsang; Gimchi Iyagi; Sagyejeol Banchan; Halmeoniui Doenjang",
    ("Korean", "history"): "Joseonui Haru; Baekjeui Gil; Hanyang Sijang Iyagi; Byeokdolgwa Seongmun",
    ("Korean", "poetry"): "Dalbit Araeseo; Baramui Moksori; Gyeoul Gangga; Kkonnipui Sigan",
    ("Korean", "romance"): "Bomnarui Pyeonji; Geu Yeoreumui Bada; Cheonnun Oneun Nal; Uriui Golmokgil",
    ("Korean", "thriller"): "Hangangui Bam; Geomeun Umul; Saebyeok Ne Si; Sarajin Moksori",
    ("German", "cooking"): "Omas Sonntagsbraten; Backen im Advent; Einfach Gutes aus Schwaben; Suppen im Winter",
    ("German", "mystery"): "Der Tote im Weinberg; Mord am Alexanderplatz; Die stille Zeugin; Nacht ohne Namen",
    ("German", "travel"): "Mit dem Rad zur Ostsee; Wandern im Schwarzwald; Sommer auf der Alm; Kanufahrt nach Wien",
    ("French", "mystery"): "Le Dernier Train pour Lille; Meurtre au bord du lac; L'Ombre du notaire; Rue sans issue",
    ("French", "romance"): "Un automne avec toi; Les Amants du canal; Le Jardin des promesses; Deux billets pour Nice",
    ("Spanish", "romance"): "Cartas desde Ronda; El verano de Lola; Bailando en Sevilla; Un beso en el tren",
    ("Spanish", "poetry"): "Agua y ceniza; Versos de medianoche; La luz de los olivos; Piedra blanca",
    ("Japanese", "fantasy"): "Kitsune no Mori; Hoshi wo Hirou Otoko; Kaze no Toshokan; Tsuki no Hashi",
    ("Japanese", "travel"): "Hokkaido Tetsudo no Tabi; Shimajima wo Aruku; Onsen Meguri; Kyoto no Asa",
}

# What a review says, if it says anything, by rating; and what some add.
OPINIONS = {
    1: split_list("I gave up after fifty pages.; Not worth the money.; Full of mistakes.; A waste of a weekend."),
    2: split_list("Too long and too slow.; Weaker than I had hoped.; The second half falls apart.; Hard to get into."),
    3: split_list(
        "Pleasant, but I will not read it again.; Good parts and dull parts.; Fine for a train ride.; Average."
    ),
    4: split_list(
        """Well written and hard to put down.; A solid read.; Better than the cover suggests.; Warm and clever.; It
        starts slowly, then it shines.; Recommended, with a cup of tea.; Very good, if a bit long.; I learned a lot."""
    ),
    5: split_list(
        """I loved every page.; The best book I read this year.; Simply wonderful.; A new favourite of mine.; I read it
        in one night.; Beautiful from beginning to end.; I want to read it again already.; Worth every cent."""
    ),
}
REMARKS = split_list(
    """Delivery was quick.; The print is a little small.; I gave it to my sister afterwards.; My book club talked about
    it all evening.; The paper feels good.; An interview with the author made me curious.; It was a present from my
    husband.; The box arrived a bit dented.; I read it on holiday.; My daughter has borrowed it now."""
)
