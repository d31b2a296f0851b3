"""The model to deploy: found, checked as the function would, and brought to the stack's bucket."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec
from rich.console import Console

from threeways import artifact, bootstrap
from threeways.artifact import digests, interval, mlmodel, signature
from threeways.artifact import runtime as runtimes
from threeways.artifact.sklearn import pickles
from threeways.aws.s3 import objects
from threeways.docker.images import FAST, FUNCTION
from threeways.errors import ArtifactMismatch, ArtifactUntrusted, UsageError
from threeways.ops import account
from threeways.ops.deploy import in_image
from threeways.ops.printing import say
from threeways.scoring import golden, tasks
from threeways.scoring.outputs import Value
from threeways.settings import DEFAULT_TASK, Runtime, Settings

if TYPE_CHECKING:
    from threeways.scoring.task import Task

PREFIX = "models"
RUNTIME = "ModelRuntime"
"""The template's parameter that says what serves the model."""
RUNTIMES: Mapping[str, Runtime | None] = {"": None, "onnx": "onnx", "sklearn": "sklearn"}
"""The parameter's values; None: the model decides."""
_LAST = "MLmodel"
_AT_ONCE, _FEW = 8, 4


@dataclass(frozen=True)
class Chosen:
    """A model that the function can use.

    name: as people know it. run_id: the MLflow run that made it, "" where nobody knows. sha256: the
    artifact's digest, which pins what is deployed. registered: its name in the registry, "" for none.
    trained_here: whether this checkout trained it. vouched: whether a person gave its digest. Pinned is not
    trusted: a pickle needs one of these two. What checking it tells: runtime, what serves it; task; target,
    the Dockerfile's target with all that it needs, of a pickle that is not loaded here the likely one;
    golden, how many examples of its golden set agree, None where it was not loaded here.
    """

    name: str
    folder: Path
    sha256: str
    run_id: str
    registered: str = ""
    trained_here: bool = False
    vouched: bool = False
    runtime: Runtime | None = None
    task: Task[Any] | None = None
    target: str = FUNCTION
    golden: int | None = None

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


def served_by(chosen: Chosen, given: Mapping[str, str]) -> str:
    """Tell what serves a model that was checked, and why. given: the parameters that the user chose."""
    if RUNTIME in given:
        value = given[RUNTIME]
        said = f"as {RUNTIME}={value} says" if value else f"for {RUNTIME} leaves it to image and model"
        return f"{chosen.runtime}, {said}"
    if chosen.runtime == "onnx":
        return f"onnx, for it has that flavour ({RUNTIME}=sklearn: scikit-learn all the same)"
    return "sklearn, for it has no ONNX flavour that passed the exactness gate"


def find(named: str | None, local: Path, task: str | None, sha256: str | None = None) -> Chosen:
    """Return the model of a name: `models:/name@alias`, a folder, `s3://…`, or None for a task's own.

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


def _found(named: str | None, local: Path, task: str | None) -> Chosen:
    from threeways.training.registry import champion_of, resolve

    uri = named or champion_of(tasks.find(task or DEFAULT_TASK).name)
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
        registered=registered.name or "",
        trained_here=registered.trained_here,
    )


def check(chosen: Chosen, asked: Settings, *, image: str | None = None) -> Chosen:
    """Load and prove the model as the function does; return it with what that tells.

    asked: its task, what that is called and which field has an event's id; None: as the artifact says. And
    its runtime; None: `onnx` where it has that flavour, gated, else `sklearn`. image: the one that it goes
    into; None: the one that is built, whose packages have to be enough. A pickle that a person vouched for is
    not loaded here, where the person's credentials are: the image proves it. Raises what `model.build` would:
    ArtifactError, SettingsError, ModelFailed.
    """
    runtime = asked.model_runtime
    pickled = pickle_of(chosen, runtime)
    if pickled and not (chosen.vouched or chosen.trained_here):
        raise ArtifactUntrusted(
            f"{chosen.name} is a {pickled}, and loading one runs whatever code is in it; log the model with "
            "serialization_format='skops', or, if you trust who made this very artifact as you trust your "
            f"own code, give its digest yourself: SHA256={chosen.sha256}"
        )
    if pickled and not chosen.trained_here:
        info, task = _task_of(chosen, asked)
        return replace(chosen, run_id=chosen.run_id or info.version or "", runtime="sklearn", task=task)
    if not (chosen.vouched or chosen.trained_here):
        artifact.prove(
            chosen.folder, chosen.sha256, runtime
        )  # its own digest pins it, and vouches for nothing
    service = bootstrap.service_of(chosen.folder, settings_of(chosen, asked))
    target = FAST if service.runtime == "onnx" else FUNCTION
    if image is None and in_image.is_in_doubt(cast("artifact.Model", service.model)):
        target = in_image.target_of(chosen.name, chosen.folder, settings_of(chosen, asked))
    return replace(
        chosen,
        run_id=chosen.run_id or service.version or "",
        runtime=cast("Runtime", service.runtime),  # the loader's own, of an artifact
        task=service.declared,
        target=target,
        golden=service.golden,
    )


def settings_of(chosen: Chosen, asked: Settings) -> Settings:
    """Return the settings that the deployed function has of its model.

    The task is the one that was asked for, else the artifact's, else its signature's, which has no name. Of
    an artifact with neither it is the default one: it is from before a signature made a task.
    """
    info = mlmodel.read(chosen.folder)
    named = asked.task or info.task or (None if signature.inputs(info) else DEFAULT_TASK)
    model_name = None if named else asked.model_name or chosen.registered or None
    return msgspec.structs.replace(asked, model_sha256=chosen.sha256, task=named, model_name=model_name)


def _task_of(chosen: Chosen, asked: Settings) -> tuple[mlmodel.MLmodel, Task[Any]]:
    """Return the task of a model that is not loaded, and its MLmodel."""
    settings = settings_of(chosen, asked)
    info = mlmodel.read(chosen.folder, digests.verify(chosen.folder, chosen.sha256))
    named = tasks.find(settings.task) if settings.task else None
    return info, tasks.of_model(info, chosen.folder, named, settings.model_name, settings.event_id)


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
    found = find(named, local, settings.task, settings.model_sha256)
    checked = check(found, settings)
    if not found.trained_here and pickle_of(found, settings.model_runtime):
        target = in_image.target_of(found.name, found.folder, settings_of(found, settings))
        checked = replace(checked, target=target)
    assert checked.task is not None  # noqa: S101  (it was checked)
    say(
        console,
        f"{checked.name} serves {told_task(checked.task)}, by {checked.runtime}, in the image's target "
        f"{checked.target}; MODEL_SHA256={checked.sha256}",
    )
    say(console, golden.told(checked.golden))
    one_number = isinstance(checked.task.output, Value)
    say(console, interval.told(mlmodel.read(checked.folder), used=one_number))


def told_task(task: Task[Any]) -> str:
    """Return a task's name, or what the events of the model's signature have."""
    if not task.from_signature:
        return task.name
    names = [one.encode_name for one in msgspec.structs.fields(task.event)]
    others = [name for name in names if name != task.id_name]
    few = ", ".join(others[:_FEW]) + (f" and {len(others) - _FEW} more" if len(others) > _FEW else "")
    return f"the events of its signature ({task.id_name}: an event's id; {few})"


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
