"""Removes from installed packages what nothing imports in an image: `strip_packages.py FOLDER [target]`.

Standard library only: it runs inside the image's build. What goes is on the lists below and nothing else;
licences and metadata of what stays, stay. A package that goes, goes whole, with its metadata: what the image
says that it holds, it holds. `tests/tools/test_tools_stripped.py` runs the function on what is left.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("flatbuffers", "packaging", "prettytable", "protobuf", "wcwidth")
"""Whole packages, by their normalized names. onnxruntime asks for flatbuffers, packaging and protobuf, which
only its tools for making models import; skops for packaging, prettytable and wcwidth, for model cards alone.
"""

SERVICES = ("dynamodb", "kinesis", "s3", "secretsmanager", "sqs", "sts")
"""The services whose descriptions botocore keeps, of four hundred. The code calls all but sts; the SDK itself
calls sts for credentials, where a container has a web identity (EKS). Your code calls another: add it.
"""

NOT_OF: dict[str, tuple[str, ...]] = {"join": ("numpy", "onnxruntime", "pyyaml")}
"""Image -> the packages of the Pipfile's [packages] that nothing in it imports: a join has no model."""

PATHS = (
    "onnxruntime/backend",
    "onnxruntime/capi/libonnxruntime.so*",  # for programs in C; the Python module has all of it within itself
    "onnxruntime/datasets",
    "onnxruntime/quantization",
    "onnxruntime/tools",
    "onnxruntime/transformers",
)
"""Patterns from the folder down: what onnxruntime makes and improves models with, and the library a second
time."""

FOLDERS = ("tests", "__pycache__", "include")
"""By name, wherever they are: tests, bytecode with the wrong path in it, C headers."""

SUFFIXES = (".h", ".hpp", ".c", ".cpp", ".pyx", ".pxd", ".pxi", ".tp", ".a", ".pyi")
"""Of files: what compilers and type checkers read."""

AT_THE_TOP = ("bin",)
"""Folders of the target itself: command lines' scripts, whose first line names another interpreter."""

DATA = "botocore/data"


def strip(folder: Path, target: str = "") -> dict[str, int]:
    """Remove what is on the lists from a folder that packages were installed to.

    target: the image, where `NOT_OF` has it. Returns bytes by what they were on the lists as. Symbolic links
    are removed, and not followed.
    """
    removed: dict[str, int] = {}
    for kind, path in _listed(folder, target):
        if path.exists(follow_symlinks=False):  # else it went with its folder
            removed[kind] = removed.get(kind, 0) + _remove(path)
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
            path.rmdir()
    return removed


def _listed(folder: Path, target: str) -> Iterator[tuple[str, Path]]:
    """What goes, with what it is on the lists as."""
    for name in (*PACKAGES, *NOT_OF.get(target, ())):
        for path in _files(folder, name):
            yield f"package {name}", path
    for pattern in PATHS:
        for path in sorted(folder.glob(pattern)):
            yield pattern, path
    services = sorted((folder / DATA).glob("*/"))
    yield from ((f"{DATA}, other services", path) for path in services if path.name not in SERVICES)
    for name in AT_THE_TOP:
        yield name, folder / name
    for path in sorted(folder.rglob("*")):
        named = path.name if path.is_dir() else path.suffix
        if named in (FOLDERS if path.is_dir() else SUFFIXES):
            yield named, path


def _files(folder: Path, name: str) -> Iterator[Path]:
    """The files of a package, as its RECORD lists them, and its metadata; none where it isn't installed.

    packaging.python.org/en/latest/specifications/recording-installed-packages
    """
    for metadata in folder.glob("*.dist-info"):
        if re.sub(r"[-_.]+", "-", metadata.name.partition("-")[0]).lower() != name:
            continue
        for line in (metadata / "RECORD").read_text(encoding="utf-8").splitlines():
            path = folder / line.rsplit(",", 2)[0].strip('"')
            if ".." not in path.parts:
                yield path
        yield metadata


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
    folder, *target = arguments or [""]
    if not Path(folder).is_dir() or len(target) > 1 or not NOT_OF.keys() >= {*target}:
        print("usage: strip_packages.py FOLDER [target], where packages are installed", file=sys.stderr)
        return 2
    for kind, size in sorted(strip(Path(folder), *target).items(), key=lambda item: -item[1]):
        print(f"stripped {size / 1e6:7.1f} MB  {kind}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
