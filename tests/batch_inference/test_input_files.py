"""Every row is in exactly one part, under the number that it has in its file."""

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch_inference.errors import BatchError, RowError
from batch_inference.input_files import about_how_many_rows, find_input_files, read_part, scan
from batch_inference.parts import Part
from tests.batch_inference.job_files import write_json_lines, write_parquet

# Ends of lines within texts are escaped in JSON; the other line ends that Python knows are not.
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=8)


def rows_of(scanned) -> list[tuple[str, object]]:
    return [row for part in scanned.parts for row in read_part(part)]


@given(st.lists(st.one_of(TEXTS.map(lambda text: {"text": text}), st.sampled_from(["", "  \t"]))), st.integers(1, 5))
@settings(deadline=None, max_examples=60)
def test_the_parts_of_json_lines_are_the_lines(lines, rows_per_part):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl"
        path.write_text(
            "\n".join(line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines)
        )
        scanned = scan("a.jsonl", path, rows_per_part)
        expected = [(f"a.jsonl:{number}", line) for number, line in enumerate(lines, 1) if isinstance(line, dict)]
        assert rows_of(scanned) == expected
        assert scanned.rows == sum(part.rows for part in scanned.parts) == len(expected)
        assert all(part.rows == rows_per_part for part in scanned.parts[:-1])


@given(st.integers(0, 20), st.integers(1, 7), st.integers(1, 7))
@settings(deadline=None, max_examples=60)
def test_the_parts_of_parquet_are_its_rows(rows, rows_per_group, rows_per_part):
    with tempfile.TemporaryDirectory() as folder:
        path = write_parquet(Path(folder) / "a.parquet", [{"n": n} for n in range(rows)], rows_per_group)
        scanned = scan("a.parquet", path, rows_per_part)
        assert rows_of(scanned) == [(f"a.parquet:{n + 1}", {"n": n}) for n in range(rows)]
        assert scanned.rows == rows == sum(part.rows for part in scanned.parts)
        assert about_how_many_rows([("a.parquet", path)]) == rows


def test_a_line_that_is_no_object_is_an_error_in_its_place(tmp_path):
    path = write_json_lines(tmp_path / "a.jsonl", ['{"n": 1}', "{broken", "[1, 2]", '{"n": 4}'])
    path.write_bytes(path.read_bytes() + b'{"n": "\xff"}')
    rows = dict(rows_of(scan("a.jsonl", path, 2)))
    assert rows["a.jsonl:1"] == {"n": 1}
    assert rows["a.jsonl:4"] == {"n": 4}
    assert str(rows["a.jsonl:2"]).startswith("The line is no JSON: Expecting property name")
    assert str(rows["a.jsonl:3"]) == "The line is no JSON object but list"
    assert str(rows["a.jsonl:5"]).startswith("The line is no JSON: 'utf-8' codec can't decode")
    assert isinstance(rows["a.jsonl:5"], RowError)


def test_more_rows_than_there_are_can_be_asked_for(tmp_path):
    lines = write_json_lines(tmp_path / "a.jsonl", [{"n": 1}, {"n": 2}])
    table = write_parquet(tmp_path / "a.parquet", [{"n": 1}, {"n": 2}])
    for path in (lines, table):
        assert [fields for _, fields in read_part(Part(str(path), path.name, 1, 100))] == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_the_fingerprint_follows_the_content(tmp_path, ending):
    write = write_json_lines if ending == "jsonl" else write_parquet
    path = write(tmp_path / f"a.{ending}", [{"n": 1}, {"n": 2}])
    first = scan("a", path, 5).fingerprint
    assert scan("b", write(tmp_path / f"b.{ending}", [{"n": 1}, {"n": 2}]), 5).fingerprint == first
    assert scan("a", write(path, [{"n": 1}, {"n": 3}]), 5).fingerprint != first


def test_a_folder_is_searched_in_order_and_hidden_files_are_left_out(tmp_path):
    for name in ("b.jsonl", "a/z.parquet", "a/c.jsonl", ".hidden/x.jsonl", ".y.jsonl", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [name for name, _ in find_input_files([tmp_path])] == ["a/c.jsonl", "a/z.parquet", "b.jsonl"]
    assert find_input_files([tmp_path / "b.jsonl"]) == [("b.jsonl", tmp_path / "b.jsonl")]


def test_what_is_no_input_is_refused(tmp_path):
    (tmp_path / "notes.txt").touch()
    (tmp_path / "x").mkdir()
    write_json_lines(tmp_path / "a.jsonl", [])
    write_json_lines(tmp_path / "y" / "a.jsonl", [])
    with pytest.raises(BatchError, match=r"There is no input file or folder .*nowhere\.jsonl\."):
        find_input_files([tmp_path / "nowhere.jsonl"])
    with pytest.raises(BatchError, match=r"notes\.txt must end in \.jsonl \(one JSON object a line\) or \.parquet\."):
        find_input_files([tmp_path / "notes.txt"])
    with pytest.raises(BatchError, match=r"The folder .*x holds no \*\.jsonl or \*\.parquet files\."):
        find_input_files([tmp_path / "x"])
    with pytest.raises(BatchError, match=r"Two input files are called 'a\.jsonl', so ids would clash"):
        find_input_files([tmp_path / "a.jsonl", tmp_path / "y" / "a.jsonl"])


def test_a_broken_parquet_file_is_refused(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"no table")
    with pytest.raises(BatchError, match=r"a\.parquet is no Parquet file: "):
        scan("a.parquet", tmp_path / "a.parquet", 5)
