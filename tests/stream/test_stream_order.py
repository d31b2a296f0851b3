"""Order per input partition key, where scoring and not delivery is what fails."""

from __future__ import annotations

from typing import Any

from doubles import NOW, FakeContext, FakeKinesis, FakeModel, kinesis_event, ride

from threeways.scoring.service import ModelService
from threeways.stream.delivery import StreamDelivery
from threeways.stream.handler import StreamHandler
from threeways.stream.quarantine import NoQuarantine
from threeways.systems.taxi.duration import task


def test_what_follows_an_unscored_record_of_its_key_comes_again_behind_it() -> None:
    short_of_memory = [True]

    class Short(FakeModel):
        def predict(self, features: Any) -> Any:
            if short_of_memory[0] and (features[:, 3] == 1000).any():
                raise MemoryError
            return super().predict(features)

    client: Any = FakeKinesis()
    handle = StreamHandler(
        ModelService(Short(), task, "run-1"),
        StreamDelivery(client, "predictions"),
        NoQuarantine(),
        clock=NOW.timestamp,
    )
    rides = [ride("other"), ride("short", distance=1000), ride("behind"), ride("beside")]
    event = kinesis_event(rides, keys=["other", "same", "same", "else"])
    assert handle(event, FakeContext()) == {"batchItemFailures": [{"itemIdentifier": "1002"}]}
    assert [record["PartitionKey"] for record in client.stored] == ["other", "beside"]
    short_of_memory[0] = False
    event["Records"] = event["Records"][1:]
    assert handle(event, FakeContext()) == {"batchItemFailures": []}
    delivered = [record["PartitionKey"] for record in client.stored]
    assert delivered.index("short") < delivered.index("behind")
