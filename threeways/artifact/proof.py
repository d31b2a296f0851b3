"""Load an artifact that is not pinned in a child process first, and predict a row of its input types there.

*Pinned*: a digest says which files. *Trusted*: a person gave that digest (MODEL_SHA256). The checks before
this keep a file from running code and from reading outside of its memory. This is for what they might miss: a
crash, a hang or memory without end ends the child, and is an ArtifactError here.

On Linux the child is a fork, so that the libraries and the checked file are there already. A fork has the
locks that other threads held at that moment; where one does not answer, a new process is asked. Elsewhere it
is a new process: macOS limits its time and CPU alone, as it does not enforce RLIMIT_AS, and Windows its time.
"""

from __future__ import annotations

import hashlib
import json
import os
import select
import signal
import sys
import threading
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from threeways import errors
from threeways.artifact import digests, limits, mlmodel
from threeways.errors import ArtifactError, ArtifactUntrusted
from threeways.settings import inherited_environment

if TYPE_CHECKING:
    from threeways.artifact.model import Model
    from threeways.artifact.prepared import Prepared

_FORKING = threading.Lock()
"""Python's filters of warnings are one for all threads."""
_MOST_SAID = 100_000
"""The bytes of a verdict that are read."""


def seconds(prepared: Prepared) -> float:
    """Return how long the child may take."""
    return limits.PROOF_SECONDS + limits.PROOF_SECONDS_PER_BYTE * prepared.size


def memory(prepared: Prepared) -> int:
    """Return the bytes that the child may add to its address space."""
    return limits.PROOF_BYTES + limits.PROOF_BYTES_PER_BYTE[prepared.runtime] * prepared.size


def require(prepared: Prepared, folder: Path) -> None:
    """Build and ask a model in a child process. Raises the ArtifactError that it ends in there."""
    ends = _spawned if sys.platform != "linux" else _forked
    said, how = ends(prepared, folder)
    if said is None and ends is _forked:
        said, how = _spawned(prepared, folder)
    if said is None:
        raise ArtifactUntrusted(
            f"{folder} {how} when it is loaded and asked in a child process, which may take "
            f"{seconds(prepared):.0f} s and {memory(prepared) / 2**20:.0f} MB; upload the model that was "
            f"trained, or, if you trust who made this very artifact, pin it: "
            f"MODEL_SHA256={digests.digest(folder)}"
        )
    if said:
        kind, message = json.loads(said)
        raise getattr(errors, kind)(message)


def _forked(prepared: Prepared, folder: Path) -> tuple[bytes | None, str]:
    """Return what a fork says, b"" for a sound model; None and what became of it where it does not answer."""
    del folder
    reading, writing = os.pipe()
    with _FORKING, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads: see above
        pid = os.fork()
    if not pid:
        os.close(reading)
        _answer(prepared, writing)
    os.close(writing)
    try:
        said = _read(reading, time.monotonic() + seconds(prepared))
    finally:
        os.close(reading)
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
    return _verdict(said, os.waitstatus_to_exitcode(status))


def _read(reading: int, until: float) -> bytes | None:
    """Read until the end, or None where the time is over."""
    said = b""
    while select.select([reading], [], [], max(0.0, until - time.monotonic()))[0]:
        part = os.read(reading, _MOST_SAID)
        said += part
        if not part or len(said) > _MOST_SAID:
            return said[:_MOST_SAID]
    return None


def _spawned(prepared: Prepared, folder: Path) -> tuple[bytes | None, str]:
    """Return what a new process says, as `_forked` does; it reads the same bytes, or refuses."""
    import subprocess

    hashes = {
        mlmodel.NAME: hashlib.sha256((folder / mlmodel.NAME).read_bytes()).hexdigest(),
        os.path.normpath(prepared.file): hashlib.sha256(prepared.content).hexdigest(),
    }
    given = [str(folder.resolve()), prepared.runtime, hashes]
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "threeways.artifact.proof_process"],
            input=json.dumps(given).encode(),
            env=inherited_environment() | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=seconds(prepared) + limits.PROOF_SECONDS,  # it imports the libraries, too
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _verdict(None, 0)
    return _verdict(done.stdout, done.returncode)


def _verdict(said: bytes | None, status: int) -> tuple[bytes | None, str]:
    if said is None:
        return None, "takes too long"
    if said.endswith(b"\n"):
        return said.strip(), ""
    with suppress(ValueError):
        return None, f"ends the process ({signal.Signals(-status).name})"
    return None, f"ends the process (status {status})"


def _answer(prepared: Prepared, writing: int) -> NoReturn:
    """Be the child: write the verdict, and end without any of the parent's handlers."""
    try:
        import faulthandler

        faulthandler.disable()
        signal.set_wakeup_fd(-1)
        for kind in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
            signal.signal(kind, signal.SIG_DFL)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        os.write(writing, proven(prepared) + b"\n")
    finally:
        os._exit(0)


def proven(prepared: Prepared) -> bytes:
    """Build and ask the model within the limits; return b"" or, as JSON, the error's name and message."""
    try:
        _limit(prepared)
        _ask(prepared.build())
    except ArtifactError as error:
        return refusal(error)
    except MemoryError:
        most = memory(prepared) / 2**20
        return refusal(ArtifactUntrusted(f"the model needs more than {most:.0f} MB; train a smaller one"))
    except Exception as error:  # noqa: BLE001  (whatever is wrong with an artifact is an ArtifactError)
        return refusal(ArtifactUntrusted(f"the model cannot be loaded: {error!r:.500}; log it again"))
    return b""


def refusal(error: ArtifactError) -> bytes:
    """Return a verdict: the error's name and its message, as JSON."""
    return json.dumps([type(error).__name__, str(error)[:10_000]]).encode()


def _limit(prepared: Prepared) -> None:
    """Limit this process's time, memory and threads, as far as the platform can."""
    threading.stack_size(limits.PROOF_STACK_BYTES)
    if prepared.runtime == "sklearn":  # a fork must not use OpenMP's threads, which it does not have
        from threadpoolctl import threadpool_limits

        threadpool_limits(1)
    if sys.platform == "win32":
        return
    import resource

    most_seconds = round(seconds(prepared)) + 1
    signal.alarm(most_seconds)  # should the parent be gone
    sizes: dict[int, int] = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: most_seconds + _cpu_seconds(resource),
    }
    if sys.platform == "linux":
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")  # the first to go where memory is short
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        sizes[resource.RLIMIT_AS] = pages * resource.getpagesize() + memory(prepared)
    for what, most in sizes.items():
        hard = resource.getrlimit(what)[1]
        resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _cpu_seconds(resource: Any) -> int:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return int(used.ru_utime + used.ru_stime)


def _ask(model: Model) -> None:
    """Predict a row; which answer comes, or whether such a row is refused, is not the question."""
    try:
        model.predict(_row(model))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001, S110  (a sound model may refuse zeros)
        pass


def _row(model: Model) -> Any:
    """Return a row of a model's input types: zeros, empty texts."""
    import numpy as np

    from threeways.artifact.inputs import Table

    if model.vocabulary is not None:
        return [{name: "" if str in kinds else 0.0 for name, kinds in model.vocabulary.items()}]
    declared = model.table_types.columns
    if declared and model.input_kind != "block":
        kinds = {"string": np.array([""], dtype=object), "datetime": np.zeros(1, dtype="datetime64[us]")}
        return Table({str(one.name): kinds.get(str(one.type), np.zeros(1)) for one in declared})
    return np.zeros((1, model.width or 1))
