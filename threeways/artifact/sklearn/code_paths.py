"""Import an artifact's own modules, logged with MLflow's `code_paths`, from its verified files.

MLflow puts that folder first in `sys.path` (mlflow.org/docs/latest/ml/model/dependencies). Here the modules
are compiled from the bytes that MODEL_SHA256 was verified for, no bytecode is written into the artifact, and
a module whose name is already taken is refused.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder, SourceLoader
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from pathlib import Path
from types import ModuleType

from threeways.artifact import digests
from threeways.errors import ArtifactIncomplete, ArtifactMismatch, ArtifactUnsupported

_NO_MODULES = frozenset({"__init__", "__main__"})
_NOWHERE = Path(os.devnull)


class CodePaths(MetaPathFinder):
    """A meta path finder for the modules in an artifact's code folder.

    folder: the artifact. name: its code folder as the MLmodel has it, or None. hashes: what `digests.verify`
    returned. files: the SHA-256 of each file in the code folder. modules: the top-level names that can be
    imported from it. Raises ArtifactIncomplete for a missing folder, and ArtifactUnsupported for a compiled
    module.
    """

    def __init__(self, folder: Path, name: str | None, hashes: digests.Hashes) -> None:
        self.folder, self._hashes = folder, hashes
        self._prefix = f"{os.path.normpath(name)}/" if name else ""
        self.files = {
            path.removeprefix(self._prefix): sha256
            for path, sha256 in hashes.items()
            if name and path.startswith(self._prefix)
        }
        if name and not self.files:
            raise ArtifactIncomplete(
                f"{folder} is half-uploaded: its MLmodel names the code folder {name}, which is not there or "
                "empty; upload it again"
            )
        compiled = [file for file in self.files if file.endswith(tuple(EXTENSION_SUFFIXES))]
        if compiled:
            raise ArtifactUnsupported(
                f"{folder / self._prefix / compiled[0]} is a compiled module, and only Python source is "
                "imported from an artifact; install it as a package, and log the model without it"
            )
        sources = [file.removesuffix(".py") for file in self.files if file.endswith(".py")]
        self.modules = {source.partition("/")[0] for source in sources} - _NO_MODULES

    @contextmanager
    def importable(self) -> Iterator[None]:
        """Make the modules importable, from here on; if the block raises, undo that.

        Raises ArtifactMismatch where another module has the same name.
        """
        for name in sorted(self.modules):
            self._require_free(name)
        before = set(sys.modules)
        sys.meta_path.insert(0, self)
        try:
            yield
        except BaseException:
            sys.meta_path.remove(self)
            for name in set(sys.modules) - before:
                if name.partition(".")[0] in self.modules:
                    del sys.modules[name]
            raise

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a module of the artifact; None for any other module."""
        del path, target
        if fullname.partition(".")[0] not in self.modules:
            return None
        stem = fullname.replace(".", "/")
        place, loader = self.folder / self._prefix, _Verified(self.folder, self._hashes)
        if f"{stem}/__init__.py" in self.files:
            file, parts = place / stem / "__init__.py", [str(place / stem)]
            return importlib.util.spec_from_file_location(
                fullname, file, loader=loader.of(file), submodule_search_locations=parts
            )
        if f"{stem}.py" in self.files:
            file = place / f"{stem}.py"
            return importlib.util.spec_from_file_location(fullname, file, loader=loader.of(file))
        if any(file.startswith(f"{stem}/") for file in self.files):
            spec = ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = [str(place / stem)]
            return spec
        raise ModuleNotFoundError(f"the artifact's {self._prefix} has no module {fullname}", name=fullname)

    def failing_line(self, error: BaseException) -> str:
        """Return "file, line n" of the artifact's code that raised an error; "" where none of it did."""
        place = str(self.folder / self._prefix)
        lines = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
        if isinstance(error, SyntaxError):
            lines.append((str(error.filename), error.lineno))
        found = [f"{Path(file)}, line {line}" for file, line in lines if file.startswith(place)]
        return found[-1] if found and self._prefix else ""

    def _require_free(self, name: str) -> None:
        for finder in sys.meta_path:
            if isinstance(finder, CodePaths) and finder is not self and name in finder.modules:
                if finder.files != self.files:
                    raise ArtifactMismatch(
                        f"{self.folder}'s code has a module {name}, and {finder.folder}, which is loaded "
                        "in this process, has another of that name; load each in a process of its own"
                    )
                return
        there = _elsewhere(name)
        if there is not None and not self._same_as(name, there):
            raise ArtifactMismatch(
                f"{self.folder}'s code has a module {name}, and so has {_named(there)}: one would replace "
                f"the other; rename yours and log the model again, or log it without, if the two are one"
            )

    def _same_as(self, name: str, spec: ModuleSpec) -> bool:
        """Return whether another module of that name consists of the same files, data files included."""
        places = [Path(place).parent for place in spec.submodule_search_locations or ()]
        places = places or ([Path(spec.origin).parent] if spec.has_location and spec.origin else [])
        return bool(places) and all(
            any(_sha256(place / file) == sha256 for place in places)
            for file, sha256 in self.files.items()
            if file == f"{name}.py" or (file.startswith(f"{name}/") and "__pycache__" not in file)
        )


class _Verified(SourceLoader):
    """A loader of modules from verified bytes, which writes no bytecode."""

    def __init__(self, folder: Path, hashes: digests.Hashes, file: Path = _NOWHERE) -> None:
        self._folder, self._hashes, self._file = folder, hashes, file

    def of(self, file: Path) -> _Verified:
        """Return a loader for one file of the artifact."""
        return _Verified(self._folder, self._hashes, file)

    def get_filename(self, fullname: str) -> str:
        """Return the path of the source file."""
        del fullname
        return str(self._file)

    def get_data(self, path: str | bytes) -> bytes:
        """Read a file of the artifact. Raises OSError, and ArtifactMismatch where it has changed."""
        return digests.read(self._folder, os.path.relpath(os.fsdecode(path), self._folder), self._hashes)


def _elsewhere(name: str) -> ModuleSpec | None:
    """Return the spec of another module of that name: loaded, of the standard library, or importable."""
    loaded = sys.modules.get(name)
    if loaded is not None and loaded.__spec__ is None:
        return ModuleSpec(name, None, origin=getattr(loaded, "__file__", None))
    return importlib.util.find_spec(name)


def _named(spec: ModuleSpec) -> str:
    if spec.name in sys.stdlib_module_names:
        return "Python itself"
    places = list(spec.submodule_search_locations or ())
    return str(spec.origin or (places and places[0]) or "this process")


def _sha256(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return ""
