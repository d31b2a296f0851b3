"""Tell what is likely at fault where a golden set is answered otherwise: file, library, machine or code."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from threeways.scoring.golden.format import NAME, GoldenSet

LIBRARIES: Mapping[str, Sequence[str]] = {
    "onnx": ("numpy", "onnxruntime"),
    "sklearn": ("numpy", "scikit-learn", "scipy"),
}
"""The packages that a runtime's answers come from."""


def environment(runtime: str) -> dict[str, Any]:
    """Return this machine, and the packages that a runtime's answers come from, as `Made` has them."""
    return {
        "machine": platform.machine(),
        "python": platform.python_version(),
        "libraries": _versions([*LIBRARIES["onnx"], *LIBRARIES["sklearn"]]),
        "runtime": runtime,
    }


def file_hashes(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """Return the SHA-256 of files of an artifact."""
    made = {}
    for name in names:
        with (folder / name).open("rb") as file:
            made[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return made


def _versions(names: Sequence[str]) -> dict[str, str]:
    import importlib.metadata  # only here: a function that starts need not have it

    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def likely(golden: GoldenSet, folder: Path, runtime: str, files: Sequence[str]) -> str:
    """Tell what differs from when a set was made, the likeliest cause first, and the mend.

    folder: the artifact's. runtime: what served it. files: of the model's flavours.
    """
    made = golden.made
    for name, found in file_hashes(folder, [name for name in files if name in made.files]).items():
        if found != made.files[name]:
            return (
                f"the file at fault is {name} or {NAME}: the set was made with another {name} (SHA-256 "
                f"{made.files[name]:.12}…, this one has {found:.12}…); upload the whole artifact again"
            )
    now = environment(runtime)
    of_runtime = LIBRARIES.get(runtime, ())
    others = [
        f"{name} {now['libraries'][name]} instead of {made.libraries[name]}"
        for name in of_runtime
        if name in made.libraries and now["libraries"].get(name, made.libraries[name]) != made.libraries[name]
    ]
    if others:
        return (
            f"the libraries at fault are likely {', '.join(others)}; install what it was made with, or train "
            "and log the model again with what is here"
        )
    if made.machine != now["machine"]:
        return (
            f"the machine is likely at fault, {now['machine']} instead of {made.machine}; serve it on such a "
            f"machine, or by the other runtime (MODEL_RUNTIME={_other(runtime)}), or train it here"
        )
    named = f"TASK={golden.task}" if golden.task else "the signature"
    return (
        f"its files, libraries and machine are those that the set was made with, so the code that makes the "
        f"events' features is likely at fault ({named}; Python {now['python']} instead of {made.python}), or "
        f"{NAME} was changed; serve it with the code that it was trained with, or train it again"
    )


def _other(runtime: str) -> str:
    return "sklearn" if runtime == "onnx" else "onnx"
