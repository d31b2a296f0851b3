"""The handler in this process beside the usual way and beside its floor, on an output that takes no time.

Both sides without what they would have alike: metrics and logs. The usual way goes record by record, so where
it is slow it gets the first records of the batch and is counted by the record.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import floor, rides, usual
from benchmarks.measure import Measure, in_turn, rate, ratio_of, timed
from benchmarks.output import Output
from benchmarks.starting import Context

BATCH, USUAL_RECORDS = 1_000, 100
CALL_SECONDS = 0.010
BROKEN_EVERY = 100
CONTEXT = Context()
"""A minute for each invocation."""


def ours(folder: Path, output: Output) -> Any:
    """Our handler, of one event. The model is served as it is when it is deployed."""
    from threeways import artifact
    from threeways.scoring.service import ModelService
    from threeways.stream.delivery import StreamDelivery
    from threeways.stream.handler import StreamHandler
    from threeways.stream.quarantine import S3Quarantine
    from threeways.systems.taxi.duration import task

    client: Any = output
    service = ModelService(artifact.load(folder), task, "bench")
    handler = StreamHandler(service, StreamDelivery(client, "out"), S3Quarantine(client, "s3://bench/aside"))
    return lambda event: handler(event, CONTEXT)


def theirs(folder: Path, output: Output, features: usual.Features = usual.block_features) -> Any:
    """The usual handler."""
    import mlflow.pyfunc

    return usual.handler_of(mlflow.pyfunc.load_model(str(folder)), output, "out", features)


def measured(trained: Path, linear: Path, forest: Path, rounds: int) -> list[Measure]:
    """All the measures of the handler."""
    return Benches(trained, linear, forest).measures(rounds)


class Benches:
    """The sides, made once. trained: our model. linear, forest: what else is compared."""

    def __init__(self, trained: Path, linear: Path, forest: Path) -> None:
        self._folders = {"our model": trained, "linear": linear, "forest": forest}
        payloads = rides.payloads(BATCH)
        self.event = rides.event(payloads)
        self.few = rides.event(payloads[:USUAL_RECORDS])
        self.poisoned = rides.event(rides.with_broken(payloads, BROKEN_EVERY))

    def measures(self, rounds: int) -> list[Measure]:
        """All of them; the slower sides get fewer rounds.

        What is loaded stays out of garbage collections, as `lambda_function.py` has it: for either side.
        """
        gc.collect()
        gc.freeze()
        few = max(2, rounds // 4)
        return [
            *self._linear(rounds),
            *self._our_model(rounds),
            *(self._delivering(name, few) for name in ("our model", "linear")),
            self._poison(rounds),
            self._forest(few),
        ]

    def _sides(self, name: str, seconds: float = 0.0) -> dict[str, Callable[[], float]]:
        features = usual.dict_features if name == "linear" else usual.block_features
        mine, other = (
            ours(self._folders[name], Output(seconds)),
            theirs(self._folders[name], Output(seconds), features),
        )
        return {"ours": timed(lambda: done(mine(self.event))), "usual": timed(lambda: other(self.few))}

    def _linear(self, rounds: int) -> list[Measure]:
        sides = self._sides("linear") | {"floor": timed(lambda: floor.entries(self.event))}
        found = in_turn(sides, rounds)
        what = f"linear model behind a DictVectorizer, batch of {BATCH:,}: rides a second"
        return [
            rate(what, found, _COUNTS, 60.0),
            rate(f"{what}, of its floor", _without_usual(found), _COUNTS, 0.45, against="floor"),
        ]

    def _our_model(self, rounds: int) -> list[Measure]:
        """The floor here is the bare loop and the model's bare predict; the last row's, scikit-learn's."""
        from threeways import artifact

        folder = self._folders["our model"]
        bare, trees = artifact.load(folder), artifact.load(folder, None, "sklearn").estimator
        block = block_of(self.event)
        sides = self._sides("our model") | {
            "loop": timed(lambda: floor.entries(self.event)),
            "predict": timed(lambda: bare.predict(block)),
            "sklearn": timed(lambda: trees.predict(block)),
        }
        found = in_turn(sides, rounds)
        least = [loop + predict for loop, predict in zip(found["loop"], found["predict"], strict=True)]
        what = f"our model, batch of {BATCH:,}: rides a second"
        mine = {"ours": found["ours"]}
        return [
            rate(what, {**mine, "usual": found["usual"]}, _COUNTS, None),
            rate(f"{what}, of the bare loop and predict",
                 {**mine, "floor": least}, _COUNTS, 0.8, against="floor"),
            rate(f"{what}, whole handler beside scikit-learn's bare predict of the same trees",
                 {**mine, "usual": found["sklearn"]}, _COUNTS | {"usual": BATCH}, 1.0),
        ]  # fmt: skip

    def _delivering(self, name: str, rounds: int) -> Measure:
        what = f"handler and delivery, {CALL_SECONDS * 1e3:g} ms a call, {name}: rides a second"
        return rate(what, in_turn(self._sides(name, CALL_SECONDS), rounds), _COUNTS, 200.0)

    def _poison(self, rounds: int) -> Measure:
        handler = ours(self._folders["our model"], Output())
        sides = {
            "ours": timed(lambda: done(handler(self.poisoned))),
            "clean": timed(lambda: done(handler(self.event))),
        }
        found = in_turn(sides, 2 * rounds)
        ratio, quartiles = ratio_of(found["ours"], found["clean"])
        seconds = {side: sorted(values)[len(values) // 2] for side, values in found.items()}
        return Measure(
            f"1 % of a batch of {BATCH:,} broken, seconds (floor: the clean batch)", seconds["ours"], None,
            seconds["clean"], ratio, quartiles, 1.1, at_most=True, against="floor",
        )  # fmt: skip

    def _forest(self, rounds: int) -> Measure:
        what = f"forest of 100 trees, batch of {BATCH:,}: rides a second"
        return rate(what, in_turn(self._sides("forest"), rounds), _COUNTS, None)


_COUNTS = {"ours": BATCH, "usual": USUAL_RECORDS, "floor": BATCH}


def _without_usual(found: dict[str, list[float]]) -> dict[str, list[float]]:
    return {side: values for side, values in found.items() if side != "usual"}


def block_of(event: dict[str, Any]) -> Any:
    """The model's own input for an event: the feature block of its rides."""
    from threeways.stream.records import from_event
    from threeways.systems.taxi.duration import task

    records = from_event(event)
    rides_of = [task.decode(record.payload) for record in records if isinstance(record.payload, bytes)]
    return task.features(rides_of, [record.arrived for record in records]).block


def done(answer: dict[str, Any]) -> None:
    """A batch that is not done is no measure."""
    if answer["batchItemFailures"]:
        raise SystemExit(f"the batch is not done: {answer}")
