"""Load pickles and cloudpickles, which can run any code, only where the artifact's digest was verified."""

from __future__ import annotations

import io
import pickle
import platform
from pathlib import Path
from typing import Any

from threeways.artifact.digests import digest
from threeways.artifact.sklearn.code_paths import CodePaths
from threeways.artifact.sklearn.versions import minor, requires_same_minor
from threeways.errors import (
    ArtifactError,
    ArtifactIncomplete,
    ArtifactMismatch,
    ArtifactUnsupported,
    ArtifactUntrusted,
)

FORMATS = frozenset({"pickle", "cloudpickle"})
_COMPILED = frozenset({"_make_function", "_make_skel_func"})
"""The functions with which cloudpickle rebuilds a function from its bytecode."""


def refuse(folder: Path, serialization_format: str) -> None:
    """Raise ArtifactUntrusted for a pickle without MODEL_SHA256. Only its digest is computed."""
    raise ArtifactUntrusted(
        f"{folder} is a {serialization_format}, and loading one runs whatever code is in it; log the model "
        f"with serialization_format='skops', or, if you trust who made this very artifact as you trust "
        f"your own code, pin it: MODEL_SHA256={digest(folder)}"
    )


def load(content: bytes, path: Path, code: CodePaths, python: str | None = None) -> Any:
    """Unpickle an object from bytes that the caller has verified; this runs the pickle's code.

    path: where they were read, for messages. code: the artifact's own modules, which stay importable.
    python: the version of Python that wrote it, if known. Raises ArtifactIncomplete, ArtifactMismatch, or
    ArtifactUnsupported naming a missing module.
    """
    if not content.endswith(pickle.STOP):
        raise ArtifactIncomplete(f"{path} is cut short: it is no whole pickle; upload it again")
    with requires_same_minor(path), code.importable():
        return _unpickled(content, path, code, python)


class _Unpickler(pickle.Unpickler):
    """An unpickler that refuses bytecode of another Python version, which this one would misinterpret."""

    def __init__(self, content: bytes, path: Path, python: str | None) -> None:
        super().__init__(io.BytesIO(content))
        self._path, self._python = path, python

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        """Look up a global name. Raises ArtifactMismatch for bytecode of another Python version."""
        if _is_other(self._python) and module_name.startswith("cloudpickle") and global_name in _COMPILED:
            raise ArtifactMismatch(
                f"{self._path} holds functions compiled by Python {self._python}, and this is Python "
                f"{platform.python_version()}; log the model with Python "
                f"{minor(platform.python_version())}, or put its functions into a file and log it with "
                f"code_paths=[that file]"
            )
        return super().find_class(module_name, global_name)


def _unpickled(content: bytes, path: Path, code: CodePaths, python: str | None) -> Any:
    try:
        return _Unpickler(content, path, python).load()
    except ArtifactError:
        raise
    except ModuleNotFoundError as error:
        raise ArtifactUnsupported(_lacks(path, error, code)) from error
    except (Exception, SystemExit) as error:
        where = code.failing_line(error)
        if where:
            raise ArtifactUnsupported(
                f"{path} cannot be loaded, for the code that was logged with it fails at {where}: {error!r}; "
                f"fix it, and log the model again"
            ) from error
        if isinstance(error, AttributeError | ImportError):
            raise ArtifactUnsupported(
                f"{path} needs something that is not here: {error}; define it in a file of its own, import "
                f"it from there, and log the model with code_paths=[that file]"
            ) from error
        by = f"; it was written by Python {python}, this is {platform.python_version()}"
        raise ArtifactIncomplete(
            f"{path} cannot be unpickled: {error!r}{by if _is_other(python) else ''}; log and upload it again"
        ) from error


def _lacks(path: Path, error: ModuleNotFoundError, code: CodePaths) -> str:
    """Word the message that a module is missing, and where it can come from."""
    name = error.name or str(error)
    top = name.partition(".")[0]
    if top in code.modules:
        return (
            f"{path} needs the module {name}, which is not in the code that was logged with it; log the "
            f"model again with all of {top} in code_paths"
        )
    logged = f" (it was logged with {', '.join(sorted(code.modules))})" if code.modules else ""
    return (
        f"{path} needs the module {name}, which is not installed here{logged}; if {top} is your own, log the "
        f"model with code_paths=[its file or folder]; if it is a package, add it to [sklearn] in the Pipfile "
        f"and run `make lock`"
    )


def _is_other(python: str | None) -> bool:
    return python is not None and minor(python) != minor(platform.python_version())
