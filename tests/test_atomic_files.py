"""What a file and its folder hold while it is written, after it, and where the writing fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from threeways.atomic_files import PART, replacing, write_atomic, write_json


def test_the_old_file_stands_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "it.json"
    write_atomic(path, b"old")
    with replacing(path) as part:
        part.write_bytes(b"ne")
        assert (path.read_bytes(), part.suffix, part.parent) == (b"old", PART, tmp_path)
    assert path.read_bytes() == b"ne"
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_left_of_a_writing_that_failed(tmp_path: Path) -> None:
    path = tmp_path / "it.json"
    path.write_bytes(b"old")

    def ended_by_hand() -> None:
        with replacing(path) as part:
            part.write_bytes(b"ne")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ended_by_hand()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_two_that_write_at_once_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "it.json"
    with replacing(path) as one:
        one.write_bytes(b"one")
        write_atomic(path, b"other")
        assert path.read_bytes() == b"other"
    assert path.read_bytes() == b"one"


def test_no_folder_is_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomic(tmp_path / "none" / "it.json", b"")
    assert list(tmp_path.iterdir()) == []


def test_json_is_for_people_to_read(tmp_path: Path) -> None:
    write_json(tmp_path / "it.json", {"a": 1})
    assert (tmp_path / "it.json").read_text() == '{\n  "a": 1\n}\n'
