"""Write a run's state to its folder while it goes on."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from threeways.local_run.watch import snapshot
from threeways.local_run.watch.snapshot import ByHand, Consumer, Flow, Prediction, Shard, Snapshot

if TYPE_CHECKING:
    from threeways.local_run.collector import Collector
    from threeways.local_run.consumer import RunningConsumer
    from threeways.local_run.events import Workload
    from threeways.local_run.producer import Producer
    from threeways.local_run.progress import View

RECENT = 4
"""Predictions of each consumer that are shown."""


class Publisher:
    """Writes the state of a run. folder: the run's. refused: the consumers that could not start, and why."""

    def __init__(self, folder: Path, refused: Mapping[str, str] | None = None) -> None:
        self._folder, self._refused = folder, refused or {}

    def write(
        self,
        watched: Mapping[str, tuple[RunningConsumer, Collector, View]],
        producer: Producer,
        workload: Workload,
        *,
        join: Flow | None = None,
        ended: bool = False,
    ) -> None:
        """Write it. watched: each consumer with what reads it back, by name. workload: what is put.

        join: what a join makes of it.
        """
        by_hand = snapshot.put_by_hand(self._folder)
        first, _, view = next(iter(watched.values()))
        ages: dict[str, float] = {}
        for consumer, _, _ in watched.values():
            for shard, age in consumer.mapping.counts().iterator_age.items():
                ages[shard] = max(age, ages.get(shard, 0.0))
        shards = sorted(producer.by_shard.copy().items())
        state = Snapshot(
            pid=os.getpid(),
            endpoint=first.emulator.endpoint_url,
            region=first.emulator.region,
            serving=first.serving,
            example=msgspec.to_builtins(workload.task.example),
            id_name=workload.task.id,
            elapsed_s=view.elapsed,
            total=view.total,
            sent=view.sent,
            input_stream=first.input_stream,
            shards=[Shard(shard, sent, ages.get(shard, 0.0)) for shard, sent in shards],
            consumers=[
                *(_consumer(name, *one, producer, by_hand) for name, one in watched.items()),
                *(Consumer(name=name, refused=why) for name, why in self._refused.items()),
            ],
            join=join,
            ended=ended,
        )
        snapshot.write(self._folder, state)


def _consumer(
    name: str,
    consumer: RunningConsumer,
    collector: Collector,
    view: View,
    producer: Producer,
    by_hand: Iterable[ByHand],
) -> Consumer:
    predictions, sent = collector.predictions, producer.sent
    recent = []
    for event_id, at in islice(reversed(list(collector.recent)), RECENT):
        made = predictions[event_id]
        put_at = sent[event_id].at if event_id in sent else at
        recent.append(Prediction(made.entity, made.value, max(0.0, at - put_at)))
    return Consumer(
        name=name,
        version=collector.version or consumer.version,
        output_stream=consumer.output_stream,
        unit=collector.task.output.unit,
        predicted=view.back,
        per_second=view.per_second,
        quarantined=view.quarantined,
        retries=view.retries,
        batches=view.batches,
        redelivered=view.redelivered,
        iterator_age_s=view.iterator_age,
        latency_p50_s=view.latency_p50,
        latency_p99_s=view.latency_p99,
        paused=view.paused,
        reads_refused=view.reads_refused,
        reasons=consumer.log.reasons.copy(),
        troubles=consumer.troubles.copy(),
        recent=recent,
        answers={
            one.event_id: _answer(one, predictions[one.event_id])
            for one in by_hand
            if one.event_id in predictions
        },
    )


def _answer(put: ByHand, made: Any) -> Prediction:
    return Prediction(put.id, made.value, max(0.0, made.at - put.at))
