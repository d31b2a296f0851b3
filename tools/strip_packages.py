"""Removes from installed packages what nothing imports while the function runs: `strip_packages.py FOLDER`.

Standard library only: it runs inside the image's build. What goes is on the lists below and nothing else;
licences and the packages' metadata stay.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

FOLDERS = ("tests", "__pycache__", "include")
"""By name, wherever they are: tests, bytecode with the wrong path in it, C headers."""

SUFFIXES = (".h", ".hpp", ".c", ".cpp", ".pyx", ".pxd", ".pxi", ".tp", ".a", ".pyi")
"""Of files: what compilers and type checkers read."""

AT_THE_TOP = ("bin",)
"""Folders of the target itself: command lines' scripts, whose first line names another interpreter."""


def strip(folder: Path) -> dict[str, int]:
    """Remove what is on the lists from a folder that packages were installed to.

    Returns bytes by what they were on the lists as. Symbolic links are removed, and not followed.
    """
    removed: dict[str, int] = {}
    for name in AT_THE_TOP:
        if (folder / name).is_dir():
            removed[name] = _remove(folder / name)
    for path in sorted(folder.rglob("*")):
        if not path.exists(follow_symlinks=False):
            continue  # it went with its folder
        kind = _listed(path)
        if kind:
            removed[kind] = removed.get(kind, 0) + _remove(path)
    return removed


def _listed(path: Path) -> str | None:
    if path.is_dir():
        return path.name if path.name in FOLDERS else None
    return path.suffix if path.suffix in SUFFIXES else None


def _remove(path: Path) -> int:
    if path.is_symlink() or path.is_file():
        size = path.lstat().st_size
        path.unlink()
        return size
    size = sum(file.lstat().st_size for file in path.rglob("*") if not file.is_dir())
    shutil.rmtree(path)
    return size


def main(arguments: list[str]) -> int:
    """Strip the folder and print what went; 0, or 2 where there is no such folder."""
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        print("usage: strip_packages.py FOLDER, where packages are installed", file=sys.stderr)
        return 2
    for kind, size in sorted(strip(Path(arguments[0])).items(), key=lambda item: -item[1]):
        print(f"stripped {size / 1e6:7.1f} MB  {kind}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
