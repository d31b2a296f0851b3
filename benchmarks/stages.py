"""Where the time of a batch goes, stage by stage, on both sides: the same handlers, their parts clocked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

from benchmarks import rides, usual
from benchmarks.handlers import BATCH, CALL_SECONDS, USUAL_RECORDS
from benchmarks.output import Output

STAGES = ("decode", "features", "predict", "encode and the rest", "put")
type Spent = dict[str, float]
"""Stage -> microseconds a ride."""


class Clocked:
    """Something whose methods are clocked: method -> stage. All else is the thing itself."""

    def __init__(self, thing: Any, stages: Mapping[str, str], spent: Spent) -> None:
        self._thing = thing
        for name, stage in stages.items():
            setattr(self, name, clocked(getattr(thing, name), stage, spent))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._thing, name)


def clocked(function: Callable[..., Any], stage: str, spent: Spent) -> Callable[..., Any]:
    """The function, which adds to its stage the seconds in which it is under way, many at once or one."""
    lock, under_way, began = threading.Lock(), 0, 0.0

    def call(*arguments: Any, **named: Any) -> Any:
        nonlocal under_way, began
        with lock:
            began = began if under_way else time.perf_counter()
            under_way += 1
        try:
            return function(*arguments, **named)
        finally:
            with lock:
                under_way -= 1
                if not under_way:
                    spent[stage] = spent.get(stage, 0.0) + time.perf_counter() - began

    return call


def of(
    trained: Path, rounds: int, batch: int = BATCH, usual_records: int = USUAL_RECORDS
) -> dict[str, dict[str, Spent]]:
    """Output ("at once", "after 10 ms a call") -> side -> stage -> microseconds a ride, medians."""
    import mlflow.pyfunc

    from threeways import artifact

    payloads = rides.payloads(batch)
    many, few = rides.event(payloads), rides.event(payloads[:usual_records])
    model, pyfunc = artifact.load(trained), mlflow.pyfunc.load_model(str(trained))
    found: dict[str, dict[str, Spent]] = {}
    for name, seconds, times in (
        ("at once", 0.0, rounds),
        (f"after {CALL_SECONDS * 1e3:g} ms a call", CALL_SECONDS, max(1, rounds // 5)),
    ):
        both: dict[str, list[Spent]] = {"usual": [], "ours": []}
        for number in range(times + 1):
            pair = {"usual": _usual(pyfunc, few, seconds), "ours": _ours(model, many, seconds)}
            for side, spent in pair.items():
                if number:
                    both[side].append(spent)
        found[name] = {
            side: {stage: median(one[stage] for one in each) for stage in STAGES}
            for side, each in both.items()
        }
    return found


def _ours(model: Any, event: dict[str, Any], seconds: float) -> Spent:
    from threeways.scoring.service import ModelService
    from threeways.stream import records
    from threeways.stream.delivery import StreamDelivery
    from threeways.stream.handler import StreamHandler
    from threeways.stream.quarantine import NoQuarantine
    from threeways.systems.taxi.duration import task

    spent: Spent = {}
    client: Any = Clocked(Output(seconds), {"put_records": "put"}, spent)
    service: Any = ModelService(Clocked(model, {"predict": "predict"}, spent), task, "bench")
    own = service.task
    service.task = SimpleNamespace(**{name: getattr(own, name) for name in dir(own) if name[0] != "_"})
    service.task.features = clocked(task.features, "features", spent)
    service.task.decode_all = clocked(task.decode_all, "decode", spent)
    handler = StreamHandler(service, StreamDelivery(client, "out"), NoQuarantine())
    handler(event)  # its threads are there
    spent.clear()
    began = time.perf_counter()
    handler(event)
    whole = time.perf_counter() - began
    clocked(records.batch_of, "decode", spent)(event)  # by itself: what is within cannot be taken out
    return _a_ride(spent, whole, len(event["Records"]))


def _usual(pyfunc: Any, event: dict[str, Any], seconds: float) -> Spent:
    spent: Spent = {}
    handler = usual.handler_of(
        Clocked(pyfunc, {"predict": "predict"}, spent),
        Clocked(Output(seconds), {"put_record": "put"}, spent),
        "out",
        clocked(usual.block_features, "features", spent),
    )
    began = time.perf_counter()
    handler(event)
    whole = time.perf_counter() - began
    clocked(lambda: [usual.decode(record) for record in event["Records"]], "decode", spent)()
    return _a_ride(spent, whole, len(event["Records"]))


def _a_ride(spent: Spent, whole: float, count: int) -> Spent:
    """Microseconds a ride; what no stage took is the encoding and the rest."""
    rest = max(0.0, whole - sum(spent.values()))
    seconds = {"encode and the rest": rest} | spent
    return {stage: seconds.get(stage, 0.0) / count * 1e6 for stage in STAGES}
