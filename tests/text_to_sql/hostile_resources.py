"""Answers that ask for too much time or memory, of the engine or of the parser before it."""

# A statement is read best on one line.
# ruff: noqa: E501

from hostile_case import TOO_MUCH, hostile

from text_to_sql.errors import QueryFailedError, QueryTimeoutError

# A text that doubles: 655,360 letters at most.
GROWING = "WITH RECURSIVE s(x) AS (SELECT 'aaaaaaaaaa' UNION ALL SELECT x || x FROM s WHERE LENGTH(x) < 300000) "
NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
MANY = "books a, books b, books c, books d, books e, books f"

RESOURCES = [
    *hostile(
        "resources",
        QueryTimeoutError,
        {
            "endless recursion": NUMBERS + "SELECT COUNT(*) FROM n",
            "endless recursion, rows": NUMBERS + "SELECT i FROM n WHERE i < 0",
            "two endless recursions": NUMBERS + "SELECT COUNT(*) FROM n a JOIN n b ON a.i = b.i",
            "fork of a recursion": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n UNION ALL SELECT i + 2 FROM n) SELECT MAX(i) FROM n",
            "cross join": f"SELECT COUNT(*) FROM {MANY}",
            "cross join that finds nothing": f"SELECT a.title FROM {MANY} WHERE a.price + b.price + c.price + d.price < 0",
            "search in a long text": GROWING
            + "SELECT INSTR(a.x || a.x, a.x || 'b') FROM s a, s b, s c WHERE LENGTH(a.x) > 100000",
            "trim with many characters": "WITH RECURSIVE s(x, y) AS (SELECT 'aaaa', 'bbbb' UNION ALL SELECT x || x, y || y FROM s WHERE LENGTH(x) < 300000) SELECT TRIM(x, y || 'a') FROM s",
            "pattern on a long text": GROWING
            + "SELECT COUNT(*) FROM s a, s b, s c, s d WHERE a.x || d.x LIKE '%"
            + "a_" * 40
            + "b%'",
            "glob on a long text": GROWING
            + "SELECT COUNT(*) FROM s a, s b, s c, s d WHERE a.x || d.x GLOB '*"
            + "[a-z]?" * 15
            + "b*'",
        },
    ),
    *hostile(
        "resources",
        QueryFailedError,
        {
            "seventy tables": "SELECT COUNT(*) FROM " + ", ".join(f"books t{i}" for i in range(70)),
            "text that doubles": "WITH RECURSIVE s(x) AS (SELECT 'a' UNION ALL SELECT x || x FROM s) SELECT LENGTH(x) FROM s",
            "pattern that is too long": "SELECT 1 WHERE 'a' LIKE '" + "%a" * 60 + "'",
            "brackets": f"SELECT {'(' * 1500}1{')' * 1500}",
            "brackets for the engine": f"SELECT {'(' * 120}1{')' * 120}",
            "sum of many": f"SELECT {'+'.join('1' for _ in range(1000))}",
            "many columns": f"SELECT {', '.join('1' for _ in range(300))}",
            "many arguments": f"SELECT MAX({', '.join('1' for _ in range(50))})",
            "many queries": " UNION ALL ".join(["SELECT 1"] * 60),
            "nested queries": "SELECT * FROM " + "(SELECT * FROM " * 150 + "books" + ")" * 150,
            "nested CASE": f"SELECT {'CASE WHEN 1 THEN ' * 100}1{' END' * 100}",
            "many negations": f"SELECT {'NOT ' * 900}1",
            "minus in a row": f"SELECT {'- ' * 1500}1",
        },
    ),
    *hostile(
        "resources",
        TOO_MUCH,
        {
            "sort of a cross join": "SELECT a.title FROM books a, books b, books c, books d ORDER BY a.price * b.price * c.price * d.price",
            "distinct of a cross join": "SELECT COUNT(DISTINCT a.title || b.title || c.title || d.title) FROM books a, books b, books c, books d",
            "window over a cross join": "SELECT SUM(a.price) OVER (ORDER BY b.price ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM books a, books b, books c, books d",
            "quadratic window": "SELECT MAX(a.title) OVER (ORDER BY b.title ROWS BETWEEN 9999 PRECEDING AND 9999 FOLLOWING EXCLUDE CURRENT ROW) FROM books a, books b, books c",
            "text of all pairs": "SELECT GROUP_CONCAT(a.title || b.title || c.title) FROM books a, books b, books c",
            "many own names": "WITH a0 AS (SELECT 1 AS x), "
            + ", ".join(f"a{i} AS (SELECT p.x FROM a{i - 1} p, a{i - 1} q)" for i in range(1, 25))
            + " SELECT COUNT(*) FROM a24",
        },
    ),
    *hostile(
        "resources",
        "function",
        {
            "printf": "SELECT printf('%1000000000d', 1)",
            "format": "SELECT format('%.*c', 1000000000, 'x')",
            "zeroblob": "SELECT zeroblob(1000000000)",
            "randomblob": "SELECT randomblob(1000000000)",
            "hex": "SELECT hex(zeroblob(100000))",
            "quote": "SELECT quote(zeroblob(100000))",
            "replace": "SELECT replace(replace(title, 'A', 'AAAAAAAAAA'), 'A', 'AAAAAAAAAA') FROM books",
            "char": "SELECT char(65, 65, 65)",
            "json": "SELECT json_group_array(title) FROM books",
            "json path": "SELECT '[1]' -> 0",
            "regular expression": "SELECT title FROM books WHERE title REGEXP '(a+)+$'",
        },
    ),
    *hostile(
        "resources",
        "length",
        {
            "text that is too long for the gate": "SELECT '" + "a" * 5000 + "'",
        },
    ),
    *hostile(
        "resources",
        "nesting",
        {
            "nested calls of a type": f"SELECT {'date(' * 30}1{')' * 30}",
            "nested calls of a type, not closed": f"SELECT {'char(' * 40}1",
            "nested calls of a type with more arguments": f"SELECT {'int(1, ' * 25}1{')' * 25}",
        },
    ),
]
