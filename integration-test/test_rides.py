"""Rides on the input stream, through the event source mapping, into the function."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from threeways.integration.sites import Site
from threeways.local_run.broken_events import kinds
from threeways.local_run.events import Source, load, with_broken
from threeways.local_run.producer import Outgoing, Producer
from threeways.scoring import tasks
from threeways.scoring.outcomes import Scored
from threeways.scoring.output import number_of

POISON = 0.05


def test_every_ride_that_is_put_comes_out_as_the_model_scores_it(site: Site) -> None:
    task = tasks.find("ride_duration")
    events = with_broken(task, load(Source(count=site.events), task, print), POISON)
    events = replace(events, kinds=list(kinds(task).values()))
    put: list[Outgoing] = []

    def noted() -> Iterator[Outgoing]:
        for one in events.outgoing():
            put.append(one)
            yield one

    proof = site.proof([datetime.now(UTC)])
    producer = Producer(site.target.kinesis, site.input_stream, noted(), None)
    producer.start()
    producer.join()
    assert producer.error is None
    assert len(producer.sent) == site.events
    found = proof.find(producer.sent.keys())
    whole = {key: sent.index for key, sent in producer.sent.items() if sent.index is not None}
    assert found.predicted.keys() == whole.keys()
    assert found.quarantined.keys() == producer.sent.keys() - whole.keys()
    assert Counter(entry.data for entry in found.quarantined.values()) == Counter(
        one.data for one in put if one.index is None
    )
    payloads = {one.index: one.data for one in put if one.index is not None}
    scored = dict(
        zip(
            payloads,
            site.oracle.score(list(payloads.values()), [datetime.now(UTC)] * len(payloads)),
            strict=True,
        )
    )
    for key, data in found.predicted.items():
        made, expected = json.loads(data)["prediction"], scored[whole[key]]
        assert isinstance(expected, Scored)
        assert made["ride_id"] == expected.event_id
        assert math.isclose(made["ride_duration"], number_of(expected.value), abs_tol=1e-9)
