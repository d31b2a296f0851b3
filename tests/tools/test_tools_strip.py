"""What is removed from the packages in the image, and what is not."""

from __future__ import annotations

from pathlib import Path

from strip_packages import main, strip

GOES = (
    "numpy/tests/test_a.py",
    "numpy/linalg/tests/data/big.npz",
    "numpy/_core/include/numpy/arrayobject.h",
    "scipy/linalg.pxd",
    "sklearn/tree/_tree.pyx",
    "sklearn/utils/vector.tp",
    "msgspec/__init__.pyi",
    "numpy/__pycache__/a.cpython-313.pyc",
    "numpy/_core/lib/libnpymath.a",
    "bin/f2py",
)
STAYS = (
    "numpy/testing/__init__.py",
    "numpy/linalg/lapack.so",
    "numpy.libs/libopenblas.so.0",
    "sklearn/datasets/data/iris.csv",
    "scipy-1.0.dist-info/METADATA",
    "scipy-1.0.dist-info/licenses/LICENSE.txt",
    "msgspec/py.typed",
    "botocore/data/s3/service-2.json.gz",
    "package/bin/__init__.py",
    "package/tests.py",
)


def test_what_is_listed_goes_and_everything_else_stays(tmp_path: Path) -> None:
    for name in (*GOES, *STAYS):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * 10)
    removed = strip(tmp_path)
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == set(STAYS)
    assert sum(removed.values()) == 10 * len(GOES)
    assert removed["tests"] == 20


def test_a_link_is_removed_and_what_it_names_stays(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept.h").write_text("kept")
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "tests").symlink_to(outside)
    (packages / "gone.h").symlink_to(outside / "kept.h")
    strip(packages)
    assert list(packages.iterdir()) == []
    assert (outside / "kept.h").exists()


def test_a_folder_that_is_not_there_is_no_success(tmp_path: Path) -> None:
    assert main([str(tmp_path / "nowhere")]) == 2
