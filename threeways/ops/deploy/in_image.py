"""Whether the function's image has what a model needs, before there is an image.

This machine has more packages than the image: pandas, MLflow, what the user installed beside them, and the
files of the folder that a command was run in. So the function is started here, in a process of its own
(`python -m threeways.ops.deploy.in_image`), that imports nothing but what the image will have.
"""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from fnmatch import fnmatch
from importlib.abc import MetaPathFinder
from importlib.machinery import BuiltinImporter, FrozenImporter, ModuleSpec, PathFinder
from importlib.metadata import MetadataPathFinder, packages_distributions
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import msgspec

from threeways import project
from threeways.docker.images import FRAME, FUNCTION
from threeways.errors import ArtifactUnsupported, ThreewaysError, UsageError
from threeways.settings import Settings, inherited_environment

if TYPE_CHECKING:
    from threeways.artifact import Model

ROOT = project.ROOT
OURS = frozenset({"threeways", "model", "lambda_function"})
LEFT_OUT = (
    "batch", "chaos", "cli", "docker", "emulator", "integration", "local_run", "monitor", "ops", "project",
    "systems.*.page", "systems.*.training", "systems.*.trips", "training", "web",
)  # fmt: skip
"""Parts of `threeways` that `.dockerignore` and the Dockerfile keep out of the function's image."""
SECTIONS = {FUNCTION: ("default", "sklearn"), FRAME: ("default", "sklearn", "frame")}
"""Of the Dockerfile's targets with scikit-learn the lock's sections that each is made of."""
_OF_PYTHON = "_sysconfigdata"
"""How the one module of Python's own begins that is called after the machine."""
_REFUSED = 2
_CREDENTIALS = ("AWS_", "MLFLOW_", "PG", "GITHUB_", "ACTIONS_", "BATCH_")
"""How the variables begin that a model's own code has no business with."""


def is_in_doubt(model: Model) -> bool:
    """Whether a model could need more than the image has: a skops file needs pandas at the most."""
    flavour = model.info.flavors.sklearn
    if model.runtime == "onnx" or flavour is None:
        return False
    from threeways.artifact.sklearn import objects

    makes_frames = any(
        "_sklearn_output_config" in objects.attributes(part) for part in objects.walk(model.estimator)
    )
    return flavour.serialization_format != "skops" or model.needs_pandas or makes_frames


def target_of(name: str, folder: Path, settings: Settings) -> str:
    """Return the Dockerfile's target with all that a model needs: `function`, or `frame`, which has pandas.

    name: the model's, for messages; this machine can serve it by scikit-learn. settings: the function's: the
    artifact's digest, and its task. Raises ArtifactUnsupported where the function, with the image's packages
    alone, refuses the model.
    """
    for target in SECTIONS:
        refused = _refused(name, folder, settings, target)
        if refused is None:
            return target
        if not re.search(r"\bpandas\b", refused):
            break
    raise ArtifactUnsupported(f"{name} works here, and would not in the function's image: {refused}")


def _refused(name: str, folder: Path, settings: Settings, target: str) -> str | None:
    """Return why the function refuses a model with a target's packages; None where it starts."""
    done = subprocess.run(  # noqa: S603 - this module
        [sys.executable, "-P", "-m", __name__],
        input=json.dumps([str(folder.resolve()), target, msgspec.to_builtins(settings)]),
        env=_without_credentials() | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == _REFUSED:
        return _last(done.stdout)
    if done.returncode:
        raise UsageError(
            f"the function does not start with {name} and the image's packages (exit status "
            f"{done.returncode}): {_last(done.stderr)}"
        )
    return None


def _without_credentials() -> dict[str, str]:
    """Return the environment less what AWS, MLflow and databases take credentials from.

    A file in the home folder that another program could read, this one could, too.
    """
    kept = {
        name: value for name, value in inherited_environment().items() if not name.startswith(_CREDENTIALS)
    }
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    return kept | nowhere | {"AWS_EC2_METADATA_DISABLED": "true"}


def _leave_the_network() -> None:
    """Cut this process off from every network, where the platform lets a user do it (Linux).

    man7.org/linux/man-pages/man7/user_namespaces.7.html
    """
    with suppress(AttributeError, OSError):
        os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWNET)


class ImagesModules(MetaPathFinder):
    """Finds modules where Python does, if the image has them. hidden: the names of those that it lacks."""

    find_distributions = staticmethod(MetadataPathFinder.find_distributions)

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self.hidden: set[str] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Where a module is; None for one that the image does not have."""
        top, _, rest = fullname.partition(".")
        if (top in self._names or top.startswith(_OF_PYTHON)) and not (
            top == "threeways" and any(fnmatch(f"{rest}.", f"{one}.*") for one in LEFT_OUT)
        ):
            return PathFinder.find_spec(fullname, path, target)
        self.hidden.add(top)
        return None


def names(target: str = FUNCTION) -> frozenset[str]:
    """Return the top-level modules of a target's image: Python's own, this project's, its packages'."""
    lock = json.loads((ROOT / "Pipfile.lock").read_text(encoding="utf-8"))
    stripped = runpy.run_path(str(ROOT / "tools" / "strip_packages.py"))["PACKAGES"]
    packages = {_normal(name) for section in SECTIONS[target] for name in lock[section]} - set(stripped)
    theirs = {
        name for name, of in packages_distributions().items() if packages & {_normal(one) for one in of}
    }
    return frozenset(sys.stdlib_module_names | OURS | theirs)


def _normal(package: str) -> str:
    """Normalize a package's name: packaging.python.org/en/latest/specifications/name-normalization."""
    return re.sub(r"[-_.]+", "-", package).lower()


def main() -> int:
    """Load and prove the model that standard input names; 2 and the reason where it is refused."""
    folder, target, asked = json.load(sys.stdin)
    settings = msgspec.structs.replace(msgspec.convert(asked, Settings), model_runtime="sklearn")
    finder = ImagesModules(names(target))
    _leave_the_network()
    sys.meta_path[:] = [BuiltinImporter, FrozenImporter, finder]
    from threeways import bootstrap

    try:
        bootstrap.service_of(Path(folder), settings)
    except ThreewaysError as error:
        lacking = sorted(name for name in finder.hidden if re.search(rf"\b{re.escape(name)}\b", str(error)))
        needs_mend = lacking and "Pipfile" not in str(error)
        mend = f"; add {', '.join(lacking)} to [sklearn] in the Pipfile and run `make lock`"
        told = " ".join(f"{error}{mend if needs_mend else ''}".splitlines())
        sys.stdout.write(f"\n{told}")  # below what the model's own code has printed
        return _REFUSED
    return 0


def _last(text: str) -> str:
    return (text.strip().splitlines() or ["it does not say why"])[-1]


if __name__ == "__main__":
    sys.exit(main())
