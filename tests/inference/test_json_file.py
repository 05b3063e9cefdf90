"""JSON files are read leniently and written whole."""

from pathlib import Path

import pytest

from inference.json_file import read_json_object, write_json_object


def test_what_is_written_is_read_and_nothing_else_is_left(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    write_json_object(file, {"한국어": [1, None]})
    write_json_object(file, {"한국어": [2, None]})
    assert read_json_object(file) == {"한국어": [2, None]}
    assert "한국어" in file.read_text(encoding="utf-8")
    assert list(tmp_path.iterdir()) == [file]


def test_an_earlier_file_outlives_what_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    write_json_object(file, {"good": 1})
    with pytest.raises(TypeError, match="Object of type set is not JSON serializable"):
        write_json_object(file, {"bad": {1}})
    assert read_json_object(file) == {"good": 1}
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("text", ["", "{", "[1]", "1"])
def test_what_is_no_object_is_read_as_an_empty_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    assert read_json_object(tmp_path / "a.json") == {}
    assert read_json_object(tmp_path / "missing.json") == {}
