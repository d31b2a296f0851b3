"""A quick model is asked on the event loop, and a slow one never is."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
from doubles import NOW, FakeModel
from small_training import Training
from test_web_batcher import event
from web_lab import service

import model
from threeways.errors import ModelFailed
from threeways.scoring.outcomes import Scored
from threeways.settings import Settings, WebSettings
from threeways.web import inline_budget
from threeways.web.batcher import Batcher
from threeways.web.inline_budget import InlineBudget


class Takes(FakeModel):
    """Takes so many seconds a predict and a ride, and notes its threads."""

    def __init__(self, predict: float = 0, ride: float = 0, fails_on: Any = lambda block: False) -> None:
        super().__init__(fails_on)
        self.seconds = predict, ride
        self.threads = set[int]()

    def predict(self, features: Any) -> Any:
        self.threads.add(threading.get_ident())
        ends = time.perf_counter() + self.seconds[0] + self.seconds[1] * len(features)
        while time.perf_counter() < ends:
            pass
        return super().predict(features)


def test_a_model_that_takes_longer_than_it_may_gets_a_thread() -> None:
    model = Takes(predict=2 * inline_budget.SHORT_SECONDS)
    assert inline_budget.measure(service(model)).events == 0
    assert set(model.calls) == {1}


def test_a_quick_model_gets_as_many_rides_at_once_as_fit_the_time() -> None:
    rides = inline_budget.measure(service(Takes(ride=inline_budget.SHORT_SECONDS / 10))).events
    assert 2 <= rides <= 10
    assert inline_budget.measure(service()).events > rides


def scored(batcher: Batcher, rides: int) -> list[Any]:
    async def crowd() -> list[Any]:
        requests = (batcher.score(event(n), NOW) for n in range(rides))
        return await asyncio.gather(*requests, return_exceptions=True)

    return asyncio.run(crowd())


def test_what_arrives_in_one_turn_shares_predicts_of_the_size_that_is_short() -> None:
    model, seen = Takes(), list[int]()
    batcher = Batcher(service(model), 256, seen.append, budget=InlineBudget(20))
    outcomes = scored(batcher, 50)
    assert [(one.event_id, one.value) for one in outcomes] == [(n, 2.0 * n) for n in range(50)]
    assert model.calls == seen == [20, 20, 10]
    assert model.threads == {threading.get_ident()}
    assert scored(batcher, 1)[0].value == 0, "and the next may come"
    assert scored(Batcher(service(model), most=1, budget=InlineBudget(20)), 3)[2].value == 4
    assert model.calls[3:] == [1, 1, 1, 1]


def test_between_two_predicts_the_loop_does_its_other_work() -> None:
    order: list[str] = []
    model = Takes(fails_on=lambda block: order.append("predict"))

    async def crowd() -> None:
        batcher = Batcher(service(model), budget=InlineBudget(2))
        requests = [asyncio.create_task(batcher.score(event(n), NOW)) for n in range(6)]

        async def other() -> None:
            while not all(one.done() for one in requests):
                order.append("other")
                await asyncio.sleep(0)

        await asyncio.gather(*requests, other())

    asyncio.run(crowd())
    assert order.count("predict") == 3
    assert "predict predict" not in " ".join(order)


def test_a_failure_at_once_is_each_request_s_own_answer() -> None:
    broken = True
    batcher = Batcher(service(Takes(fails_on=lambda block: broken)), budget=InlineBudget(20))
    assert [type(one) for one in scored(batcher, 3)] == [ModelFailed] * 3
    broken = False
    assert isinstance(scored(batcher, 1)[0], Scored)


def test_a_model_that_has_become_slow_gets_a_thread_for_good(caplog: pytest.LogCaptureFixture) -> None:
    model, judged = Takes(), InlineBudget(20)
    batcher = Batcher(service(model), wait=0, budget=judged)
    model.seconds = (2 * inline_budget.LATE_SECONDS, 0)
    for _ in range(inline_budget.LATE_IN_A_ROW):
        assert judged.events == 20
        scored(batcher, 1)
    assert judged.events == 0
    assert "thread" in caplog.text
    model.threads.clear()
    assert scored(batcher, 3)[2].value == 4
    assert threading.get_ident() not in model.threads
    batcher.close()


def test_a_late_one_among_quick_ones_is_no_judgement() -> None:
    judged = InlineBudget(20)
    for seconds in (1.0, 1.0, 0.0) * 3:
        judged.record(seconds)
    assert judged.events == 20


def test_the_service_of_the_environment_measures_its_model(
    training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def gathering(*given: Any, **options: Any) -> Batcher:
        asked.append(options["budget"])
        return Batcher(*given, **options)

    monkeypatch.setattr("threeways.web.app.Batcher", gathering)
    for longest, at_once in ((0.0, False), (60.0, True)):
        monkeypatch.setattr(inline_budget, "SHORT_SECONDS", longest)
        model.build_web(Settings(model_location=str(training.report.model.folder)), WebSettings())
        assert (asked.pop().events > 0) is at_once
