"""An output of many numbers a row, ranked: the best names of them, in messages, pages and tables."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from batch_lab import rows, scored, table
from doubles import NOW, FakeKinesis, kinesis_event
from hypothesis import given
from hypothesis import strategies as st
from other_tasks import UPLOADS
from test_stream_handler import ListQuarantine
from web_lab import serving

from threeways.artifact.answers import Answers
from threeways.errors import ArtifactMismatch, ModelFailed, SettingsError
from threeways.scoring import Message, Ranking, Task
from threeways.scoring.service import ModelService
from threeways.stream.delivery import StreamDelivery
from threeways.stream.handler import StreamHandler

USERS = ("ann", "bob", "cy")


class Affinity:
    """A recommender: a number for each user, from the upload's size, whether it is a video, and its tags."""

    input_kind = "block"
    info: Any = None
    answers = Answers(names=USERS)

    def predict(self, block: Any) -> Any:
        return np.stack([block[:, 0], 10 * block[:, 1], 3 * block[:, 2]], axis=1)


def feeds(upload: Any, prediction: Any) -> list[Message]:
    return [
        Message({"user": one["name"], "score": one["score"]}, one["name"], one["name"])
        for one in prediction["ranked"]
    ]


TASK: Task[Any] = replace(UPLOADS, name="feeds", output=Ranking(best=2))


def service(task: Task[Any] = TASK) -> ModelService[Any]:
    model: Any = Affinity()
    return ModelService(model, task, "v1")


UPLOAD = b'{"upload_id": 7, "size": 4, "kind": "video", "tags": ["a"]}'


def test_a_message_has_the_best_names_with_their_scores_the_highest_first() -> None:
    [outcome] = service().score([UPLOAD], [NOW])
    assert not isinstance(outcome, Exception)
    made = service().prediction(outcome).prediction
    assert made == {"ranked": [{"name": "bob", "score": 10.0}, {"name": "ann", "score": 4.0}], "upload_id": 7}


@given(
    st.lists(st.lists(st.integers(-2, 2), min_size=4, max_size=4), min_size=1, max_size=4), st.integers(1, 4)
)
@pytest.mark.parametrize("kind", [np.float64, np.int64, np.uint8])
def test_of_equal_scores_the_first_in_the_model_s_order_is_first(kind: Any, answers: Any, best: int) -> None:
    ranking = Ranking(best, ("a", "b", "c", "d"))
    block = np.array(answers).astype(kind)
    expected = [
        [
            {"name": name, "score": score}
            for score, name in sorted(zip(row, "abcd", strict=True), key=lambda one: -one[0])
        ]
        for row in block.tolist()
    ]
    assert ranking.values(block) == [one[:best] for one in expected]
    columns = {name: values.tolist() for name, values in ranking.table(block).items()}
    assert columns["name_1"] == [one[0]["name"] for one in expected]
    assert columns[f"score_{best}"] == [one[best - 1]["score"] for one in expected]


@pytest.mark.parametrize(
    ("output", "answers", "said"),
    [
        (Ranking(4), Answers(names=USERS), "ranks the best 4 of 3 names"),
        (Ranking(0), Answers(names=USERS), "ranks the best 0 of 3 names"),
        (Ranking(1), Answers(), "ranks the best 1 of 0 names"),
        (Ranking(1, ("a", "a")), Answers(), "each once"),
        (Ranking(1, ("a", "b")), Answers(names=USERS), "the model answers 3 numbers"),
    ],
)
def test_a_ranking_that_its_model_cannot_fill_is_refused(
    output: Ranking, answers: Answers, said: str
) -> None:
    with pytest.raises(ArtifactMismatch, match=said):
        output.bound(answers, "feeds")


def test_the_classes_of_a_classifier_can_be_ranked_and_labels_cannot() -> None:
    bound = Ranking(1).bound(Answers("predict_proba", True, (True, False)), "feeds")
    assert bound.names == ("true", "false")
    with pytest.raises(ModelFailed, match="numbers for 2 names are ranked"):
        bound.checked(np.array([["a", "b"]]), 1)
    assert bound.invalid(np.array([[1.0, 2.0], [np.inf, 1.0]])) == {1: "inf"}


def test_each_of_the_best_gets_a_message_of_its_own() -> None:
    client: Any = FakeKinesis()
    handle = StreamHandler(
        service(replace(TASK, messages=feeds)), StreamDelivery(client, "predictions"), ListQuarantine()
    )
    assert handle(kinesis_event([UPLOAD])) == {"batchItemFailures": []}
    told = [(one["PartitionKey"], json.loads(one["Data"])["prediction"]["score"]) for one in client.stored]
    assert told == [
        ("bob", 10.0), ("ann", 4.0),
    ]  # fmt: skip


def test_the_web_service_answers_the_ranking_and_shows_it() -> None:
    with serving(service(replace(TASK, messages=feeds))) as client:
        answer = client.post("/predict", content=UPLOAD, headers={"Content-Type": "application/json"}).json()
        assert answer["prediction"]["ranked"][0] == {"name": "bob", "score": 10.0}
        assert "messages" not in answer
        page = client.get("/", params={"upload_id": "7", "size": "4", "kind": "video", "tags": "[]"}).text
        assert "bob 10.00, ann 4.00" in page
        assert "ranked" in json.dumps(client.get("/docs/openapi.json").json())


def test_a_table_has_a_column_for_each_place(tmp_path: Path) -> None:
    columns = "upload_id integer primary key, size integer, kind text, tags text"
    source = table(f"sqlite:///{tmp_path}/in.db", columns, [(7, 4, "video", '["a"]'), (8, 4, "audio", "[]")])
    task = replace(TASK, messages=feeds)
    scored(task, source, f"sqlite:///{tmp_path}/out.db", service=service(task))
    found = rows(f"sqlite:///{tmp_path}/out.db", "feeds_predictions")
    assert [row[1:5] for row in found] == [("bob", 10.0, "ann", 4.0), ("ann", 4.0, "bob", 0.0)]


def test_a_truth_of_a_ranking_is_refused_and_not_ignored(tmp_path: Path) -> None:
    from events_lab import workload

    from threeways.batch.layout import Naming, of
    from threeways.errors import DataError
    from threeways.local_run.event_rows import ColumnNames

    with pytest.raises(SettingsError, match="it ranks names, which are not judged yet; leave ACTUAL= out"):
        of(TASK, Naming(actual="user"))
    (tmp_path / "uploads.jsonl").write_bytes(UPLOAD)
    with pytest.raises(DataError, match="ranks names, which are not judged yet"):
        workload(spec=str(tmp_path / "uploads.jsonl"), task=TASK, columns=ColumnNames(actual="user"))
