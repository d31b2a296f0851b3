"""A plan for a model reckons with its own events, and with what it predicts for one."""

from __future__ import annotations

import json
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from threeways import bootstrap
from threeways.ops.capacity.record_sizes import sizes_by
from threeways.settings import Settings


def test_records_are_as_large_as_the_model_s_event_and_its_prediction(tmp_path: Path) -> None:
    frame = pd.DataFrame({f"a_number_with_a_long_name_{at}": np.arange(20.0) for at in range(20)})
    model = LogisticRegression().fit(frame, ["low", "high"] * 10)
    mlflow.sklearn.save_model(
        model, str(tmp_path / "model"), serialization_format="skops", pyfunc_predict_fn="predict_proba",
        signature=mlflow.models.infer_signature(frame), input_example=frame.head(2), metadata={"id": "key"},
        pip_requirements=["scikit-learn"],
    )  # fmt: skip
    sizes = sizes_by(bootstrap.service_of(tmp_path / "model", Settings()))
    event = len(json.dumps({"key": 1, **frame.iloc[0]}, separators=(",", ":")))
    assert event < sizes.event < event + 30
    assert sizes.prediction > 250, "label and probabilities, beside what names the model and the event"
