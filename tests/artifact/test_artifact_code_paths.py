"""A pinned artifact brings its own modules, as MLflow's `code_paths` logs them; they replace no others."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from artifact_lab import X, Y, edit_mlmodel
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from threeways.artifact import digest, load
from threeways.artifact.sklearn.code_paths import CodePaths
from threeways.errors import ArtifactIncomplete, ArtifactMismatch, ArtifactUnsupported

LOGS = "import numpy as np\ndef change(x):\n    return np.log1p(x)\n"


@pytest.fixture(autouse=True)
def _modules_stay_in_their_test() -> Iterator[None]:
    before = set(sys.modules)
    yield
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, CodePaths)]
    for name in set(sys.modules) - before:
        if name.startswith("their_"):
            del sys.modules[name]


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


class Theirs:
    """A user's checkout, with an artifact that MLflow saved of it."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tmp_path, self.monkeypatch = tmp_path, monkeypatch
        self.folder = tmp_path / "artifact"

    def log(self, files: dict[str, str], *code_paths: str, module: str = "their_features") -> Any:
        """What the pipeline predicts for X; it is saved, and its modules are forgotten."""
        source = written(self.tmp_path / "checkout", files)
        with self.monkeypatch.context() as training:
            training.syspath_prepend(str(source))
            function = importlib.import_module(module).change
            pipeline = make_pipeline(FunctionTransformer(function), LinearRegression()).fit(X, Y)
            mlflow.sklearn.save_model(
                pipeline, str(self.folder), serialization_format="cloudpickle",
                code_paths=[str(source / name) for name in code_paths], pip_requirements=["scikit-learn"],
            )  # fmt: skip
            expected = pipeline.predict(X)
        for name in [name for name in sys.modules if name.startswith("their_")]:
            del sys.modules[name]
        return expected

    def predict(self) -> Any:
        return load(self.folder, digest(self.folder)).predict(X)


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Theirs:
    return Theirs(tmp_path, monkeypatch)


PACKAGE = {
    "their_package/__init__.py": "",
    "their_package/features.py": "from their_package.plain import helper\nfrom . import data\n"
    "def change(x):\n    from their_package.late import last\n    return last(helper(x))\n",
    "their_package/plain/helper.py": "import numpy as np\ndef helper(x):\n    return np.log(x + 1)\n",
    "their_package/plain/__init__.py": "from .helper import helper\n",
    "their_package/late.py": "def last(x):\n    return x * 2\n",
    "their_package/data.py": "import pkgutil\nKNOWN = pkgutil.get_data('their_package', 'zones.txt')\n",
    "their_package/zones.txt": "130\n",
}


def test_a_module_that_was_logged_with_the_model_is_used(theirs: Theirs) -> None:
    expected = theirs.log({"their_features.py": LOGS}, "their_features.py")
    assert np.array_equal(theirs.predict(), expected)


def test_a_package_with_its_parts_its_data_and_what_it_imports_late_is_used(theirs: Theirs) -> None:
    expected = theirs.log(PACKAGE, "their_package", module="their_package.features")
    assert np.array_equal(theirs.predict(), expected)


def test_a_folder_without_an_init_is_a_package_too(theirs: Theirs) -> None:
    files = {"their_folder/deep/features.py": LOGS}
    expected = theirs.log(files, "their_folder", module="their_folder.deep.features")
    assert np.array_equal(theirs.predict(), expected)


def test_loading_leaves_the_artifact_as_it_was_pinned(theirs: Theirs) -> None:
    expected = theirs.log(PACKAGE, "their_package", module="their_package.features")
    pinned = digest(theirs.folder)
    theirs.monkeypatch.setattr(sys, "dont_write_bytecode", False)
    for _ in range(2):
        assert np.array_equal(load(theirs.folder, pinned).predict(X), expected)
    assert digest(theirs.folder) == pinned, "no bytecode was written into it"


def test_bytecode_that_others_left_in_it_is_told(theirs: Theirs) -> None:
    expected = theirs.log({"their_features.py": LOGS}, "their_features.py")
    pinned = digest(theirs.folder)
    leave = "import sys; sys.dont_write_bytecode = False; import their_features"
    subprocess.run([sys.executable, "-c", leave], cwd=theirs.folder / "code", check=True)
    with pytest.raises(ArtifactMismatch, match="remove the __pycache__ folders"):
        load(theirs.folder, pinned)
    assert np.array_equal(theirs.predict(), expected), "pinned as it is now"


def test_code_that_changes_after_it_was_verified_does_not_run(theirs: Theirs, tmp_path: Path) -> None:
    theirs.log(PACKAGE, "their_package", module="their_package.features")
    model = load(theirs.folder, digest(theirs.folder))
    late = theirs.folder / "code" / "their_package" / "late.py"
    late.write_text(f"import os\nos.mkdir({str(tmp_path / 'sprung')!r})\n" + late.read_text())
    with pytest.raises(ArtifactMismatch, match=r"late\.py has changed"):
        model.predict(X)
    late.unlink()
    (late.parent / "added.py").write_text("raise SystemExit")
    with pytest.raises(ModuleNotFoundError, match="has no module"):
        importlib.import_module("their_package.added")
    assert not (tmp_path / "sprung").exists()


def test_another_module_of_the_same_name_is_never_replaced_or_used_silently(theirs: Theirs) -> None:
    theirs.log({"their_features.py": LOGS}, "their_features.py")
    elsewhere = written(theirs.tmp_path / "installed", {"their_features.py": LOGS.replace("log1p", "sqrt")})
    theirs.monkeypatch.syspath_prepend(str(elsewhere))
    with pytest.raises(ArtifactMismatch, match=f"so has {elsewhere}/their_features.py.*rename yours"):
        theirs.predict()
    importlib.import_module("their_features")
    with pytest.raises(ArtifactMismatch, match="rename yours"):
        theirs.predict()


@pytest.mark.parametrize(
    ("name", "whose"),
    [
        ("model", r"model\.py"),  # this project's, loaded or not
        ("threeways", "threeways/__init__"),
        ("json", "Python itself"),
        ("graphlib", "Python itself"),
        ("sys", "Python itself"),
        ("numpy", "numpy/__init__"),
        ("botocore", "botocore"),
    ],
)
def test_a_name_of_this_project_of_python_or_of_a_package_is_refused(
    theirs: Theirs, name: str, whose: str
) -> None:
    theirs.log({"their_features.py": LOGS}, "their_features.py")
    written(theirs.folder / "code", {f"{name}.py": "raise SystemExit\n"})
    with pytest.raises(ArtifactMismatch, match=f"a module {name}, and so has .*{whose}"):
        theirs.predict()
    assert not any(isinstance(finder, CodePaths) for finder in sys.meta_path)


def test_the_same_file_elsewhere_is_no_other_module(theirs: Theirs) -> None:
    """As where the user runs from the folder that the model was logged in."""
    expected = theirs.log(PACKAGE, "their_package", module="their_package.features")
    theirs.monkeypatch.syspath_prepend(str(theirs.tmp_path / "checkout"))
    assert np.array_equal(theirs.predict(), expected)


def test_the_same_package_with_other_data_is_another(theirs: Theirs) -> None:
    theirs.log(PACKAGE, "their_package", module="their_package.features")
    (theirs.tmp_path / "checkout" / "their_package" / "zones.txt").write_text("131\n")
    theirs.monkeypatch.syspath_prepend(str(theirs.tmp_path / "checkout"))
    with pytest.raises(ArtifactMismatch, match="rename yours"):
        theirs.predict()


def test_two_artifacts_with_other_code_under_one_name_are_not_mixed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, same, other = (Theirs(tmp_path / name, monkeypatch) for name in ("one", "same", "other"))
    expected = one.log({"their_features.py": LOGS}, "their_features.py")
    same.log({"their_features.py": LOGS}, "their_features.py")
    other.log({"their_features.py": LOGS.replace("log1p", "sqrt")}, "their_features.py")
    model = load(one.folder, digest(one.folder))
    assert np.array_equal(same.predict(), expected)
    with pytest.raises(ArtifactMismatch, match="has another of that name"):
        other.predict()
    assert np.array_equal(model.predict(X), expected)


def test_a_module_that_is_not_in_the_code_is_told_beside_what_is(theirs: Theirs) -> None:
    files = {"their_features.py": LOGS, "src/their_other.py": ""}
    theirs.log(files, "src")
    with pytest.raises(
        ArtifactUnsupported,
        match=r"module their_features, .*logged with src.*code_paths=\[.*\[sklearn\] in the Pipfile",
    ):
        theirs.predict()


def test_a_part_that_was_left_out_is_told(theirs: Theirs) -> None:
    theirs.log(PACKAGE, "their_package", module="their_package.features")
    (theirs.folder / "code" / "their_package" / "data.py").unlink()
    with pytest.raises(ArtifactUnsupported, match=r"cannot import name 'data'|their_package.data"):
        theirs.predict()


BROKEN = {
    "raises": ("1 / 0\n", "ZeroDivisionError"),
    "no Python": ("def change(:\n", "SyntaxError"),
    "exits": ("import sys\nsys.exit(0)\n", "SystemExit"),
    "without the function": ("\n", "change"),
    "imports what is not there": ("import their_missing_package\n", "module their_missing_package"),
}


@pytest.mark.parametrize(("text", "said"), BROKEN.values(), ids=BROKEN)
def test_code_that_fails_is_named_and_can_be_mended(theirs: Theirs, text: str, said: str) -> None:
    expected = theirs.log({"their_features.py": LOGS}, "their_features.py")
    file = theirs.folder / "code" / "their_features.py"
    file.write_text(text)
    with pytest.raises(ArtifactUnsupported, match=f"{said}.*log the model"):
        theirs.predict()
    file.write_text(LOGS)
    assert np.array_equal(theirs.predict(), expected)


def compiled(folder: Path) -> None:
    written(folder / "code", {"their_fast.cpython-313-x86_64-linux-gnu.so": ""})


def led_out(folder: Path) -> None:
    edit_mlmodel(folder, "code: code", "code: ../../checkout")


def empty(folder: Path) -> None:
    (folder / "code" / "their_features.py").unlink()


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (compiled, ArtifactUnsupported, "compiled module.*install it as a package"),
        (led_out, ArtifactIncomplete, "half-uploaded"),
        (empty, ArtifactIncomplete, "half-uploaded"),
    ],
)
def test_a_code_folder_that_cannot_be_used(
    theirs: Theirs, change: Callable[[Path], None], error: type[Exception], said: str
) -> None:
    theirs.log({"their_features.py": LOGS}, "their_features.py")
    change(theirs.folder)
    with pytest.raises(error, match=said):
        theirs.predict()


def test_functions_that_another_python_compiled_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "artifact"
    pipeline = make_pipeline(FunctionTransformer(lambda x: x + 1), LinearRegression()).fit(X, Y)
    mlflow.sklearn.save_model(
        pipeline, str(folder), serialization_format="cloudpickle", pip_requirements=["scikit-learn"]
    )
    assert np.array_equal(load(folder, digest(folder)).predict(X), pipeline.predict(X))
    version = ".".join(map(str, sys.version_info[:3]))
    edit_mlmodel(folder, f"python_version: {version}", "python_version: 3.12.4")
    with pytest.raises(
        ArtifactMismatch, match=r"compiled by Python 3\.12\.4.*log the model with Python 3\.13"
    ):
        load(folder, digest(folder))


def test_a_pickle_without_functions_of_another_python_is_served(theirs: Theirs) -> None:
    expected = theirs.log({"their_features.py": LOGS}, "their_features.py")
    version = ".".join(map(str, sys.version_info[:3]))
    edit_mlmodel(theirs.folder, f"python_version: {version}", "python_version: 3.12.4")
    assert np.array_equal(theirs.predict(), expected)


def test_a_function_of_a_script_is_refused_with_the_mend(tmp_path: Path, theirs: Theirs) -> None:
    theirs.log({"their_features.py": LOGS}, "their_features.py")
    (tmp_path / "train.py").write_text(
        "import pickle\ndef own(x): return x\nprint(pickle.dumps([own]).hex())\n"
    )
    made = subprocess.run([sys.executable, tmp_path / "train.py"], capture_output=True, text=True, check=True)
    (theirs.folder / "model.pkl").write_bytes(bytes.fromhex(made.stdout))
    with pytest.raises(ArtifactUnsupported, match=r"own.*define it in a file.*code_paths=\[that file\]"):
        theirs.predict()
