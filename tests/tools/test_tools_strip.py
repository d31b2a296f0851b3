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
    "botocore/data/ec2/2016-11-15/service-2.json.gz",
    "onnxruntime/capi/libonnxruntime.so.1.31.1",
    "onnxruntime/quantization/quantize.py",
    "google/protobuf/message.py",
    "google/_upb/_message.abi3.so",
    "protobuf-7.0.dist-info/RECORD",
    "protobuf-7.0.dist-info/LICENSE",
)
STAYS = (
    "numpy/testing/__init__.py",
    "numpy/linalg/lapack.so",
    "numpy.libs/libopenblas.so.0",
    "sklearn/datasets/data/iris.csv",
    "scipy-1.0.dist-info/METADATA",
    "scipy-1.0.dist-info/licenses/LICENSE.txt",
    "msgspec/py.typed",
    "botocore/data/s3/2006-03-01/service-2.json.gz",
    "botocore/data/endpoints.json",
    "google/auth/mine.py",
    "onnxruntime/LICENSE",
    "onnxruntime/capi/onnxruntime_pybind11_state.so",
    "protobuf_extras-1.0.dist-info/RECORD",
    "package/bin/__init__.py",
    "package/tests.py",
)


RECORD = """\
google/protobuf/message.py,sha256=x,10
google/_upb/_message.abi3.so,sha256=x,10
google/protobuf/gone.py,sha256=x,10
../../bin/protoc,sha256=x,10
protobuf-7.0.dist-info/LICENSE,sha256=x,10
protobuf-7.0.dist-info/RECORD,,
"""


def test_what_is_listed_goes_and_everything_else_stays(tmp_path: Path) -> None:
    outside, folder = tmp_path / "bin" / "protoc", tmp_path / "lib" / "packages"
    for path in (outside, *(folder / name for name in (*GOES, *STAYS))):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 10)
    (folder / "protobuf-7.0.dist-info" / "RECORD").write_text(RECORD)
    removed = strip(folder)
    left = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert left == set(STAYS)
    assert sum(removed.values()) == 10 * (len(GOES) - 1) + len(RECORD)
    assert (removed["tests"], removed["package protobuf"]) == (20, 30 + len(RECORD))
    assert not (folder / "onnxruntime" / "quantization").exists()
    assert not (folder / "google" / "protobuf").exists(), "no empty folder is left"
    assert outside.exists(), "what a package put outside of the folder is not touched"


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


def test_an_image_without_a_model_loses_whole_packages_and_another_target_is_refused(tmp_path: Path) -> None:
    for name in ("numpy/__init__.py", "numpy.libs/libopenblas.so.0", "msgspec/__init__.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    record = tmp_path / "numpy-2.0.dist-info" / "RECORD"
    record.parent.mkdir()
    lines = "numpy/__init__.py,sha256=x,1\nnumpy.libs/libopenblas.so.0,sha256=x,1\n"
    record.write_text(f"{lines}numpy-2.0.dist-info/RECORD,,\n")
    assert main([str(tmp_path), "jion"]) == 2
    assert main([str(tmp_path)]) == 0
    assert (tmp_path / "numpy" / "__init__.py").exists()
    assert main([str(tmp_path), "join"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["msgspec"]
