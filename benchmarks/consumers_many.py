"""Ten consumers of one stream, each with a function in processes of its own, beside one alone.

They are `make run CONSUMERS=`'s: an emulator, a producer, and for each consumer a stack with its mapping,
its function and what reads its predictions back. Each is a task in a package of the user's own, which the
benchmark makes: `ride_duration` under another name, with the registered model of it.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from rich.console import Console

from threeways.local_run import consumers
from threeways.local_run.pipeline import Options
from threeways.settings import Settings

if TYPE_CHECKING:
    from threeways.local_run.ledger import Ledger
    from threeways.training.registry import RegisteredModel

PACKAGE, TASK = "durations", "ride_duration"
_MODULE = """\
from dataclasses import replace

from threeways.systems.taxi.duration import task as duration

task = replace(duration, name="{name}")
"""


@dataclass(frozen=True)
class Crowd:
    """Consumers that can run. models: by the module of each one's task. folder: for the runs."""

    models: dict[str, RegisteredModel]
    folder: Path

    def run(
        self, count: int, rides: int, rate: float | None, console: Console, *, fan_out: bool
    ) -> Sequence[Ledger]:
        """Run the first `count` of them over so many rides; return their ledgers.

        fan_out: with enhanced fan-out each, else they poll and share a shard's reads. Raises SystemExit where
        a ride is lost.
        """
        names = [module.rpartition(".")[2] for module in list(self.models)[:count]]
        asked = " ".join(list(self.models)[:count])
        named = consumers.named(asked, Settings(), " ".join(names) if fan_out else None)
        options = Options(n=rides, rate=rate, poison=0)
        ledgers, refused = consumers.run(
            options, named, lambda one: self.models[one.task or ""], console, self.folder
        )
        if refused or any(one.failed or one.predicted != rides for one in ledgers.values()):
            raise SystemExit(f"not every consumer predicted every ride: {ledgers} {refused}")
        return list(ledgers.values())


@contextmanager
def crowd(model: RegisteredModel, count: int, local: Path) -> Iterator[Crowd]:
    """Make so many tasks, in a package that lies on the path, and a model for each."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=local) as place:
        folder = Path(place).resolve()
        package = folder / PACKAGE
        package.mkdir()
        models = {}
        for number in range(count):
            name = f"{TASK}_{number}"
            (package / f"{name}.py").write_text(_MODULE.format(name=name))
            models[f"{PACKAGE}.{name}"] = _renamed(model, name, folder / name)
        sys.path.insert(0, str(folder))
        try:
            yield Crowd(models, folder)
        finally:
            sys.path.remove(str(folder))


def _renamed(model: RegisteredModel, name: str, folder: Path) -> RegisteredModel:
    """Copy a model for a task of another name."""
    shutil.copytree(model.folder, folder)
    for file, said in (("MLmodel", "task: {}"), ("golden.json", '"task": "{}"')):
        text = (folder / file).read_text()
        (folder / file).write_text(text.replace(said.format(TASK), said.format(name)))
    return replace(model, folder=folder)


@dataclass(frozen=True)
class Speed:
    """What consumers did that ran together: the medians of rides a second, and of seconds to a prediction.

    slowest, fastest: rides a second. together: of all of them. load: the machine's, when they were done.
    """

    each: float
    slowest: float
    fastest: float
    together: float
    latency: float
    load: float


def speed(ledgers: Sequence[Ledger], load: float) -> Speed:
    """Sum up the ledgers of consumers that ran together."""
    rates = [one.rides_per_s for one in ledgers]
    latency = median(one.latency_p50_s or 0.0 for one in ledgers)
    return Speed(median(rates), min(rates), max(rates), sum(rates), latency, load)
