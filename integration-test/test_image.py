"""What is in the image, and what is not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from strip_packages import PACKAGES

from threeways import __version__
from threeways.aws.cloudformation.document import parse
from threeways.docker import engine
from threeways.docker import images as build

ROOT = Path(__file__).resolve().parents[1]
LOOK = """
import importlib.metadata, importlib.util, json, os, py_compile
def there(name):
    try: return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError: return False
files = [os.path.join(at, name) for at, _, names in os.walk("/var/task") for name in names]
print(json.dumps({
    "modules": [name for name in %r if there(name)],
    "packages": {one.metadata["Name"].lower().replace("_", "-"): one.version
                 for one in importlib.metadata.distributions(path=["/var/task"])},
    "uncompiled": [name for name in files if name.endswith(".py")
                   and not os.path.exists(importlib.util.cache_from_source(name))],
    "unreadable": [name for name in files if not os.access(name, os.R_OK)],
    "stripped": [name for name in files if name.endswith((".h", ".pyx", ".pyi", ".a")) or "/tests/" in name
                 or "/libonnxruntime.so" in name or "/botocore/data/ec2/" in name],
    "user": os.getuid(),
}))
"""
SECTIONS = {
    build.FUNCTION: ("default", "sklearn"),
    build.FAST: ("default",),
    build.FRAME: ("default", "sklearn", "frame"),
}
"""What of the lock is in a target's image, but for what is stripped."""
SKLEARN = ["joblib", "scipy", "sklearn", "skops"]
LAPTOP = ["mlflow", "pytest", "moto", "matplotlib", "pyarrow"]
LAPTOP += [f"threeways.{name}" for name in ("emulator", "local_run", "training", "cli", "web", "batch")]


def look(image: str) -> Any:
    asked = [*LAPTOP, "google.protobuf", "lambda_function", "onnxruntime", *SKLEARN, "pandas"]
    return json.loads(engine.inside(image, LOOK % asked))


def test_it_holds_the_locked_packages_and_the_code_that_serves_and_nothing_more(
    image: str, target: str
) -> None:
    seen = look(image)
    lock = json.loads((ROOT / "Pipfile.lock").read_text())
    locked = {name: one for section in SECTIONS[target] for name, one in lock[section].items()}
    kept = {name: one["version"].removeprefix("==") for name, one in locked.items() if name not in PACKAGES}
    assert seen["packages"] == kept
    sklearn = [] if target == build.FAST else SKLEARN
    pandas = ["pandas"] if target == build.FRAME else []
    assert seen["modules"] == ["lambda_function", "onnxruntime", *sklearn, *pandas]
    assert seen["stripped"] == []


def test_any_user_can_read_it_and_nothing_is_compiled_at_a_cold_start(image: str) -> None:
    seen = look(image)
    assert (seen["user"], seen["unreadable"], seen["uncompiled"]) == (12345, [], [])


def test_its_bytecode_is_used_and_shows_where_the_source_is(image: str) -> None:
    said = engine.inside(image, "import model; print(model.__cached__, model.build.__code__.co_filename)")
    assert said == "/var/task/__pycache__/model.cpython-313.pyc /var/task/model.py"


def test_it_adds_little_to_its_base(image: str, target: str) -> None:
    assert build.added_mb(image) <= build.LIMITS_MB[target]


def test_its_labels_say_which_version_and_commit_it_is(image: str) -> None:
    labels = engine.labels(image)
    assert labels["org.opencontainers.image.version"] == __version__
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?|unknown", labels["org.opencontainers.image.revision"])


def test_it_is_for_an_architecture_and_the_handler_that_the_template_names(image: str) -> None:
    template = parse((ROOT / "template.yaml").read_text())
    function = template["Resources"]["Predictor"]["Properties"]
    [named] = function["Architectures"]
    offered = template["Parameters"][named["Ref"]]["AllowedValues"]
    assert engine.architecture(image) in {engine.NAMES[one] for one in offered}
    command = json.loads(engine.docker("image", "inspect", "--format", "{{json .Config.Cmd}}", image))
    assert command == function["ImageConfig"]["Command"]
