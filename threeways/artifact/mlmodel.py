"""Parse the `MLmodel` file, an artifact's untrusted description of itself."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import msgspec

from threeways.artifact import digests, limits, plain_yaml
from threeways.errors import ArtifactIncomplete, ArtifactMissing, ArtifactUnsupported, ArtifactUntrusted

NAME = "MLmodel"
METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function")
"""What of a scikit-learn model is called: `mlflow.sklearn.log_model(pyfunc_predict_fn=…)`."""

type Name = Annotated[str, msgspec.Meta(max_length=limits.NAME_LENGTH, pattern=r"^[^\x00-\x1f]*$")]
"""An id, a version or a path: no control characters."""


class SklearnFlavour(msgspec.Struct, frozen=True):
    """The scikit-learn flavour. code: the folder into which MLflow copied `code_paths`."""

    pickled_model: Name
    sklearn_version: Name
    serialization_format: Name = "pickle"
    code: Name | None = None


class Gate(msgspec.Struct, frozen=True):
    """The result of the exactness gate when the ONNX flavour was written.

    max_difference: the largest deviation from scikit-learn's predictions, over `rows` rows: data and points
    around the thresholds. typed: whether those rows had the signature's column types, as in serving. sha256:
    of the graph that it compared; no other is served.
    """

    max_difference: float
    rows: int
    typed: bool = False
    sha256: str | None = None


class OnnxFlavour(msgspec.Struct, frozen=True):
    """The ONNX flavour: the file's path, as MLflow's own flavour has it, and the exactness gate's result."""

    data: Name
    onnx_version: Name | None = None
    gate: Gate | None = None


class PyfuncFlavour(msgspec.Struct, frozen=True):
    """The pyfunc flavour. python_version: of the Python that logged the model."""

    predict_fn: Name = "predict"
    env: dict[str, Name] | Name | None = None
    python_version: Any = None


class Flavours(msgspec.Struct, frozen=True):
    """The flavours that this package reads."""

    sklearn: SklearnFlavour | None = None
    onnx: OnnxFlavour | None = None
    python_function: PyfuncFlavour | None = None


class Example(msgspec.Struct, frozen=True):
    """The paths of the input examples within the artifact."""

    artifact_path: Name | None = None
    serving_input_path: Name | None = None


class RawSignature(msgspec.Struct, frozen=True):
    """The signature's inputs and outputs, each a JSON text within the YAML."""

    inputs: str | None = None
    outputs: str | None = None


class MLmodel(msgspec.Struct, frozen=True):
    """The fields of an MLmodel that serving needs or that the model's page shows."""

    flavors: Flavours
    run_id: Name | None = None
    model_id: Name | None = None
    model_uuid: Name | None = None
    mlflow_version: Name | None = None
    utc_time_created: Name | None = None
    signature: RawSignature | None = None
    metadata: dict[str, Any] | None = None
    saved_input_example_info: Example | None = None

    @property
    def version(self) -> str:
        """The id of the run that made the model; without one, the model's own id."""
        return self.run_id or self.model_id or self.model_uuid or "unknown"

    @property
    def task(self) -> str | None:
        """The task named in the metadata, or None."""
        named = (self.metadata or {}).get("task")
        return None if named is None else str(named)

    @property
    def features(self) -> tuple[str, ...] | None:
        """The feature names in the metadata, in the block's column order, or None."""
        names = (self.metadata or {}).get("features")
        if isinstance(names, list) and names and all(isinstance(name, str) for name in names):
            return tuple(names)
        return None

    @property
    def python_version(self) -> str | None:
        """The version of the Python that logged the model, if recorded."""
        version = self.flavors.python_function and self.flavors.python_function.python_version
        return version if isinstance(version, str) else None

    @property
    def method(self) -> str:
        """The method that pyfunc calls, `predict` if none is named."""
        return self.flavors.python_function.predict_fn if self.flavors.python_function else "predict"

    def model_files(self) -> list[str]:
        """Return the paths of the flavours' files, relative to the artifact."""
        sklearn, onnx = self.flavors.sklearn, self.flavors.onnx
        return [*([sklearn.pickled_model] if sklearn else []), *([onnx.data] if onnx else [])]

    def files(self) -> list[str]:
        """Return the paths of all files that the MLmodel names."""
        env = self.flavors.python_function.env if self.flavors.python_function else None
        example = self.saved_input_example_info or Example()
        named = [example.artifact_path, example.serving_input_path, *self.model_files()]
        named += list(env.values()) if isinstance(env, dict) else [env]
        named.append((self.metadata or {}).get("golden"))
        return [name for name in named if name and isinstance(name, str)]


def parse(text: bytes, where: str) -> MLmodel:
    """Parse an MLmodel from its YAML. Raises ArtifactIncomplete."""
    if len(text) > limits.MLMODEL_BYTES:
        raise ArtifactIncomplete(
            f"{where} has over {limits.MLMODEL_BYTES} bytes, too many for an MLmodel; log a model of so many "
            f"columns with the signature of an array, which has one line"
        )
    try:
        found = msgspec.convert(plain_yaml.load(text), MLmodel)
        if found.utc_time_created is not None:
            datetime.fromisoformat(found.utc_time_created)
    except (msgspec.ValidationError, ValueError, TypeError) as error:
        raise ArtifactIncomplete(f"{where} is no MLmodel: {error}; upload the artifact again") from error
    return found


def require_served(model: MLmodel, where: str) -> None:
    """Raise ArtifactUnsupported unless it is a scikit-learn or ONNX model, called by one of METHODS."""
    if model.flavors.sklearn is None and model.flavors.onnx is None:
        raise ArtifactUnsupported(
            f"{where} has no sklearn flavour; log the model with mlflow.sklearn.log_model, "
            f"or serve a scikit-learn pipeline around it"
        )
    if model.method not in METHODS:
        raise ArtifactUnsupported(
            f"{where} asks for {model.method!r} to be called; log the model with pyfunc_predict_fn one of "
            f"{', '.join(METHODS)}"
        )


def read(folder: Path, hashes: digests.Hashes | None = None) -> MLmodel:
    """Read an artifact's MLmodel, checked against the verified hashes if given (see `digests.verify`).

    Raises ArtifactMissing, ArtifactIncomplete or ArtifactMismatch.
    """
    try:
        text = digests.read(folder, NAME, hashes, limits.MLMODEL_BYTES)
    except OSError as error:
        raise ArtifactMissing(f"no MLmodel can be read in {folder}: {error}") from error
    return parse(text, str(folder / NAME))


def require_files(model: MLmodel, folder: Path) -> None:
    """Check that every file that the MLmodel names exists within the artifact.

    Raises ArtifactIncomplete where one is missing, ArtifactUntrusted where a path leads out of the artifact.
    """
    root = folder.resolve()
    for name in model.files():
        try:
            path = (root / name).resolve()
            inside, there = path.is_relative_to(root), path.is_file()
        except (OSError, ValueError, RuntimeError) as error:  # too long, not UTF-8, a loop of links
            raise ArtifactIncomplete(
                f"{folder / NAME} names {name!r:.200}, which is no file's name ({error!r:.200}); "
                f"log the model again"
            ) from error
        if PurePosixPath(name).is_absolute() or not inside:
            raise ArtifactUntrusted(f"{folder / NAME} names {name!r}, which lies outside of the artifact")
        if not there:
            raise ArtifactIncomplete(
                f"{folder} is half-uploaded: its MLmodel names {name}, which is not there; upload it again"
            )
