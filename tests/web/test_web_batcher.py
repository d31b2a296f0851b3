"""Concurrent requests share predicts; what goes wrong with one stays with it."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from doubles import NOW, FakeModel
from web_lab import service

from threeways.errors import ModelFailed, ResourceShort, UnpredictableEvent
from threeways.scoring.outcomes import Scored
from threeways.systems.taxi.rides import Ride, RideEvent
from threeways.web import batcher
from threeways.web.batcher import Batcher


def event(number: int) -> RideEvent:
    return RideEvent(number, Ride(1, 2, float(number)))


class Held(FakeModel):
    """Waits in its first predict until it is let go."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.begun, self.go_on = threading.Event(), threading.Event()

    def predict(self, features: Any) -> Any:
        self.begun.set()
        assert self.go_on.wait(20)
        return super().predict(features)


async def held(model: Held, batcher: Batcher) -> asyncio.Task[Any]:
    """A first ride, in predict."""
    first = asyncio.create_task(batcher.score(event(0), NOW))
    await asyncio.to_thread(model.begun.wait, 20)
    return first


def test_what_arrives_while_one_predict_runs_shares_the_next() -> None:
    model, seen = Held(), list[int]()

    async def crowd() -> list[Any]:
        batcher = Batcher(service(model), 50, seen.append)
        first = await held(model, batcher)
        others = [asyncio.create_task(batcher.score(event(n), NOW)) for n in range(1, 71)]
        await asyncio.sleep(0)
        model.go_on.set()
        outcomes = await asyncio.gather(first, *others)
        batcher.close()
        return outcomes

    outcomes = asyncio.run(crowd())
    assert [(one.event_id, one.value) for one in outcomes] == [(n, 2.0 * n) for n in range(71)]
    assert model.calls == [1, 50, 20]
    assert seen == model.calls


def test_most_of_one_gathers_nothing() -> None:
    model = FakeModel()

    async def crowd() -> None:
        batcher = Batcher(service(model), most=1)
        await asyncio.gather(*(batcher.score(event(n), NOW) for n in range(5)))
        batcher.close()

    asyncio.run(crowd())
    assert model.calls == [1] * 5


def test_in_a_crowd_the_next_predict_waits_for_those_just_answered_and_not_for_ever() -> None:
    model = FakeModel()

    async def crowd() -> float:
        batcher = Batcher(service(model), wait=1.0)
        await asyncio.gather(*(batcher.score(event(n), NOW) for n in range(8)))
        again = [asyncio.create_task(batcher.score(event(n), NOW)) for n in range(3)]
        await asyncio.sleep(0.02)
        assert model.calls == [8], "five more are expected"
        again += [asyncio.create_task(batcher.score(event(n), NOW)) for n in range(3, 8)]
        await asyncio.gather(*again)
        began = asyncio.get_running_loop().time()
        await batcher.score(event(1), NOW)
        batcher.close()
        return asyncio.get_running_loop().time() - began

    waited = asyncio.run(crowd())
    assert model.calls == [8, 8, 1]
    assert 0.9 < waited < 20


def test_a_request_that_was_given_up_is_not_predicted() -> None:
    model = Held()

    async def crowd() -> None:
        batcher = Batcher(service(model))
        first = await held(model, batcher)
        gone, stays = (asyncio.create_task(batcher.score(event(n), NOW)) for n in (1, 2))
        await asyncio.sleep(0)
        gone.cancel()
        first.cancel()
        await asyncio.sleep(0)
        model.go_on.set()
        outcome = await stays
        assert isinstance(outcome, Scored)
        assert outcome.event_id == 2
        batcher.close()

    asyncio.run(crowd())
    assert model.calls == [1, 1]


def test_a_ride_that_predict_fails_on_fails_alone() -> None:
    model = FakeModel(lambda block: bool((block[:, 3] == 3).any()))

    async def crowd() -> list[Any]:
        batcher = Batcher(service(model))
        outcomes = await asyncio.gather(*(batcher.score(event(n), NOW) for n in range(6)))
        batcher.close()
        return outcomes

    outcomes = asyncio.run(crowd())
    assert isinstance(outcomes.pop(3), UnpredictableEvent)
    assert all(isinstance(outcome, Scored) for outcome in outcomes)


def test_a_model_that_fails_fails_all_that_wait_and_the_next_may_come() -> None:
    broken = True
    model = FakeModel(lambda block: broken)

    async def crowd() -> None:
        nonlocal broken
        batcher = Batcher(service(model))
        failed = await asyncio.gather(
            *(batcher.score(event(n), NOW) for n in range(3)), return_exceptions=True
        )
        assert [type(one) for one in failed] == [ModelFailed] * 3
        broken = False
        assert isinstance(await batcher.score(event(1), NOW), Scored)
        batcher.close()

    asyncio.run(crowd())


def test_too_many_that_wait_are_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batcher, "BACKLOG", 3)
    monkeypatch.setattr(batcher, "BATCHES_WAITING", 1)
    model = Held()

    async def crowd() -> None:
        batcher = Batcher(service(model))
        first = await held(model, batcher)
        waiting = [asyncio.create_task(batcher.score(event(n), NOW)) for n in range(3)]
        await asyncio.sleep(0)
        full = [batcher.full]
        with pytest.raises(ResourceShort, match="try again"):
            await batcher.score(event(9), NOW)
        batches = [asyncio.create_task(batcher.run_batch(lambda: [b"{}"])) for _ in range(3)]
        await asyncio.sleep(0)
        model.go_on.set()
        await asyncio.gather(first, *waiting)
        done = await asyncio.gather(*batches, return_exceptions=True)
        assert [type(one) for one in done] == [list, list, ResourceShort]
        assert [*full, batcher.full] == [True, False]
        batcher.close()

    asyncio.run(crowd())
