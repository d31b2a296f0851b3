"""The model to deploy: found, checked as the function would, and brought to the stack's bucket."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from rich.console import Console

from threeways import artifact, bootstrap
from threeways.artifact import digests, mlmodel, signature
from threeways.artifact import runtime as runtimes
from threeways.artifact.sklearn import pickles
from threeways.aws.s3 import objects
from threeways.errors import ArtifactMismatch, ArtifactUntrusted, UsageError
from threeways.ops import account
from threeways.ops.deploy import in_image
from threeways.ops.printing import say
from threeways.scoring import tasks
from threeways.settings import DEFAULT_TASK, Runtime, Settings

PREFIX = "models"
RUNTIME = "ModelRuntime"
"""The template's parameter that says what serves the model."""
RUNTIMES: Mapping[str, Runtime | None] = {"": None, "onnx": "onnx", "sklearn": "sklearn"}
"""The parameter's values; None: the model decides."""
_LAST = "MLmodel"
_AT_ONCE = 8


@dataclass(frozen=True)
class Chosen:
    """A model that the function can use.

    name: as people know it. run_id: the MLflow run that made it, "" where nobody knows. sha256: the
    artifact's digest, which pins what is deployed. runtime: what it was checked with, None where it was not
    yet. trained_here: whether this checkout trained it. vouched: whether a person gave its digest. Pinned is
    not trusted: a pickle needs one of these two.
    """

    name: str
    folder: Path
    sha256: str
    run_id: str
    runtime: Runtime | None = None
    trained_here: bool = False
    vouched: bool = False

    @property
    def prefix(self) -> str:
        """The prefix of its objects: by its digest, so that no model ever replaces another."""
        return f"{PREFIX}/{self.sha256}"

    def location(self, bucket: str) -> str:
        """Where it lies in a stack's bucket."""
        return f"s3://{bucket}/{self.prefix}"

    def parameters(self, bucket: str) -> dict[str, str]:
        """Return the template's parameters that tell the function of it."""
        return {"ModelLocation": self.location(bucket), "ModelSha256": self.sha256, "RunId": self.run_id}


def image_target(runtime: str) -> str:
    """Return the Dockerfile's target that can serve by a runtime: without scikit-learn, or with it."""
    return "fast" if runtime == "onnx" else "function"


def served_by(chosen: Chosen, given: Mapping[str, str]) -> str:
    """Tell what serves a model that was checked, and why. given: the parameters that the user chose."""
    if RUNTIME in given:
        value = given[RUNTIME]
        said = f"as {RUNTIME}={value} says" if value else f"for {RUNTIME} leaves it to image and model"
        return f"{chosen.runtime}, {said}"
    if chosen.runtime == "onnx":
        return f"onnx, for it has that flavour ({RUNTIME}=sklearn: scikit-learn all the same)"
    return "sklearn, for it has no ONNX flavour that passed the exactness gate"


def find(named: str | None, local: Path, task: str, sha256: str | None = None) -> Chosen:
    """Return the model of a name: `models:/name@alias`, a folder, `s3://…`, or None for the registered one.

    local: where `make train` keeps MLflow's store. sha256: the digest that the person gave; another artifact
    is refused. Raises UsageError, TrackingError or ArtifactError.
    """
    found = _found(named, local, task)
    if sha256 is None:
        return found
    try:
        digests.verify(found.folder, sha256)
    except ArtifactMismatch as error:
        raise ArtifactMismatch(str(error).replace("MODEL_SHA256", "SHA256")) from None
    return replace(found, vouched=True)


def _found(named: str | None, local: Path, task: str) -> Chosen:
    from threeways.training.registry import champion_of, resolve

    uri = named or champion_of(tasks.find(task).name)
    if not uri.startswith("models:/"):
        folder = artifact.fetch(artifact.find(Settings(model_location=uri)))
        return Chosen(uri, folder, artifact.digest(folder), "")
    registered = resolve(uri, folder=local)
    if registered is None:
        raise UsageError(
            f"no model is registered as {uri}: make train DATA=… registers one, MODEL= names another "
            "(models:/name@alias, a folder or s3://bucket/prefix)"
        )
    return Chosen(
        registered.uri,
        registered.folder,
        artifact.digest(registered.folder),
        str(registered.run_id),
        trained_here=registered.trained_here,
    )


def check(
    chosen: Chosen, task_name: str, runtime: Runtime | None = None, *, image: str | None = None
) -> Chosen:
    """Load and prove the model as the function does; return it, with the run that it names if none was known.

    runtime: what is to serve it; None: `onnx` where it has that flavour, gated, else `sklearn`.
    image: the one that it goes into; None: the one that is built, whose packages have to be enough. A pickle
    that a person vouched for is not loaded here, where the person's credentials are: the image proves it.
    Raises what `model.build` would: ArtifactError, SettingsError, ModelFailed.
    """
    pickled = pickle_of(chosen, runtime)
    if pickled and not (chosen.vouched or chosen.trained_here):
        raise ArtifactUntrusted(
            f"{chosen.name} is a {pickled}, and loading one runs whatever code is in it; log the model with "
            "serialization_format='skops', or, if you trust who made this very artifact as you trust your "
            f"own code, give its digest yourself: SHA256={chosen.sha256}"
        )
    if pickled and not chosen.trained_here:
        version = mlmodel.read(chosen.folder, digests.verify(chosen.folder, chosen.sha256)).version
        return replace(chosen, run_id=chosen.run_id or version or "", runtime="sklearn")
    settings = Settings(model_sha256=chosen.sha256, model_runtime=runtime, task=task_name)
    if not (chosen.vouched or chosen.trained_here):
        artifact.prove(
            chosen.folder, chosen.sha256, runtime
        )  # its own digest pins it, and vouches for nothing
    service = bootstrap.service_of(chosen.folder, settings)
    if image is None and in_image.is_in_doubt(cast("artifact.Model", service.model)):
        in_image.require(chosen.name, chosen.folder, chosen.sha256, task_name)
    served = cast("Runtime", service.runtime)  # the loader's own, of an artifact
    return replace(chosen, run_id=chosen.run_id or service.version or "", runtime=served)


def pickle_of(chosen: Chosen, runtime: Runtime | None) -> str | None:
    """Return the format of the pickle that is loaded to serve a model by a runtime; None where none is."""
    info = mlmodel.read(chosen.folder, digests.verify(chosen.folder, chosen.sha256))
    mlmodel.require_served(info, str(chosen.folder / mlmodel.NAME))
    typed = bool(signature.types(info).typed)
    flavour = info.flavors.sklearn
    if flavour is None or runtimes.choose(info.flavors, runtime, chosen.folder, typed=typed) != "sklearn":
        return None
    return flavour.serialization_format if flavour.serialization_format in pickles.FORMATS else None


def trust(chosen: Chosen) -> str:
    """Tell who vouches for a model, for people."""
    if chosen.vouched:
        return "its digest is the one that you gave"
    return "trained by this checkout" if chosen.trained_here else "nobody vouches for it; it can run no code"


def tell(named: str | None, settings: Settings, console: Console, local: Path) -> None:
    """Load the model and predict the task's example, with nothing but the packages of the function's image.

    named: as `make deploy` takes it. settings: task, runtime, and the digest that a pickle needs unless this
    checkout trained it; it is loaded in a process of its own. Raises what `model.build` would.
    """
    task = settings.task or DEFAULT_TASK
    found = find(named, local, task, settings.model_sha256)
    checked = check(found, task, settings.model_runtime)
    if not found.trained_here and pickle_of(found, settings.model_runtime):
        in_image.require(found.name, found.folder, found.sha256, task)
    say(
        console,
        f"{checked.name} serves {task}, by {checked.runtime}, in the image's target "
        f"{image_target(checked.runtime or '')}; MODEL_SHA256={checked.sha256}",
    )


def upload(chosen: Chosen, bucket: str, s3: Any) -> int:
    """Put its files into the bucket; how many were not there yet. A folder's MLmodel comes last.

    What lies there already was put there by the same digest. Raises LocationError.
    """
    prefix = chosen.prefix
    files = {
        f"{prefix}/{path.relative_to(chosen.folder).as_posix()}": path
        for path in sorted(chosen.folder.rglob("*"))
        if path.is_file()
    }
    with account.named_faults(f"the model cannot be uploaded to {bucket}"):
        there = sizes(s3, bucket, prefix)
        missing = {key: path for key, path in files.items() if there.get(key) != path.stat().st_size}
        most = [key for key in missing if key != f"{prefix}/{_LAST}"]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(lambda key: s3.upload_file(str(missing[key]), bucket, key), most))
        for key in missing.keys() - set(most):
            s3.upload_file(str(missing[key]), bucket, key)
    return len(missing)


def sizes(s3: Any, bucket: str, prefix: str) -> Mapping[str, int]:
    """Return the objects under a prefix, in bytes by key. Raises boto's errors."""
    return {found.key: found.size for found in objects(s3, bucket, f"{prefix}/")}
