"""An MLflow model artifact, without MLflow: find it, fetch it, verify it, load it.

    folder = fetch(find(settings))
    model = load(folder, settings.model_sha256)
    check_task(model.info, task.name)
    check(model, task.columns, task.dict_keys)

Nothing heavy is imported before it is needed: boto3 for S3, onnxruntime, or else scikit-learn and skops, to
load, pandas only for a pipeline that names DataFrame columns. An ONNX file is a graph of a few known
operators: see `onnx_format.py`. A skops file runs no code of its own and reads no memory but its own: see
`schema.py` for the first, `structure.py` for the second.
"""

from threeways.artifact.fetch.download import fetch
from threeways.artifact.fetch.location import find
from threeways.artifact.loader import load
from threeways.artifact.model import Model, check, check_task
from threeways.artifact.pin import digest

__all__ = ["Model", "check", "check_task", "digest", "fetch", "find", "load"]
