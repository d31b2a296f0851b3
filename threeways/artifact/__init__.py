"""Find, fetch, verify and load an MLflow model artifact, without importing MLflow.

    folder = fetch(find(settings))
    model = load(folder, settings.model_sha256)
    check_task(model.info, task.name)
    check(model, task.columns, task.dict_keys)

Heavy libraries are imported only when needed: boto3 for S3; onnxruntime, or else scikit-learn and skops, to
load a model; pandas only for a pipeline that selects DataFrame columns by name. An ONNX file is restricted to
a few known operators (`onnx/graph.py`). A skops file can neither run code of its own (`sklearn/schema.py`)
nor make scikit-learn read outside its own memory (`sklearn/structure.py`).
"""

from threeways.artifact.digests import digest
from threeways.artifact.fetch.download import fetch
from threeways.artifact.fetch.location import find
from threeways.artifact.loader import load, prove
from threeways.artifact.model import Model, check, check_task

__all__ = ["Model", "check", "check_task", "digest", "fetch", "find", "load", "prove"]
