"""The digest is the one that a shell gives, and tells every change."""

from __future__ import annotations

import inspect
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from threeways.artifact import digest
from threeways.errors import ArtifactUnreachable, ArtifactUnsupported


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "an artifact"
    (root / "deep" / "er").mkdir(parents=True)
    for name in ("MLmodel", "Z", "a b", "deep/file", "deep/er/é", "deep.txt"):
        (root / name).write_text(name * 3)
    return root


def test_the_digest_is_the_one_of_the_shell_line_in_its_docstring(folder: Path) -> None:
    if not shutil.which("sha256sum"):
        pytest.skip("this machine has no sha256sum")
    (line,) = [text.strip() for text in inspect.getdoc(digest).splitlines() if "sha256sum" in text]  # type: ignore[union-attr]  # it has one
    shell = subprocess.run(  # noqa: S602  (a line of our own, on a folder of our own)
        line.replace("FOLDER", f"'{folder}'"), shell=True, capture_output=True, text=True, check=True
    )
    assert shell.stdout.split()[0] == digest(folder)


def test_the_digest_tells_a_change_a_rename_and_a_new_file_but_not_where_it_lies(folder: Path) -> None:
    first = digest(folder)
    moved = folder.rename(folder.parent / "elsewhere")
    assert digest(moved) == first
    (moved / "Z").rename(moved / "Y")
    renamed = digest(moved)
    (moved / "Y").write_text("changed")
    changed = digest(moved)
    (moved / "new").write_text("")
    assert len({first, renamed, changed, digest(moved)}) == 4


@pytest.mark.parametrize("target", ["Z", "deep"])
def test_a_symbolic_link_is_refused_for_the_digest_would_not_cover_it(folder: Path, target: str) -> None:
    (folder / "link").symlink_to(folder / target)
    with pytest.raises(ArtifactUnsupported, match="symbolic link"):
        digest(folder)


@pytest.mark.parametrize("name", ["two\nlines", "back\\slash"])
def test_a_name_that_a_shell_would_write_in_another_way_is_refused(folder: Path, name: str) -> None:
    (folder / "deep" / name).write_text("")
    with pytest.raises(ArtifactUnsupported, match="newline or backslash"):
        digest(folder)


def test_a_pipe_is_refused_and_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    with pytest.raises(ArtifactUnsupported, match="no regular file"):
        digest(folder)


def test_a_folder_that_cannot_be_listed_is_an_error_and_not_passed_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir = os.scandir

    def denied(path: str) -> object:  # for root, no permission is ever missing
        if Path(path).name == "deep":
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", denied)
    with pytest.raises(ArtifactUnreachable, match="Permission denied"):
        digest(folder)
