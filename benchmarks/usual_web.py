"""The usual web service, as tutorials write it: Flask, `mlflow.pyfunc`, one ride a request."""

import os
from datetime import datetime

import mlflow
import numpy as np
from flask import Flask, jsonify, request

app = Flask("ride-duration")
model = mlflow.pyfunc.load_model(os.environ["MODEL"])


def prepare_features(ride):  # type: ignore[no-untyped-def]  # nor do the tutorials' have types
    """The model's columns of one ride."""
    pickup = datetime.fromisoformat(ride["pickup_datetime"])
    pair = ride["PULocationID"] * 1000 + ride["DOLocationID"]
    columns = [
        ride["PULocationID"], ride["DOLocationID"], pair, ride["trip_distance"],
        pickup.hour * 60 + pickup.minute, pickup.weekday(),
    ]  # fmt: skip
    return np.array([columns], dtype=np.float64)


@app.route("/predict", methods=["POST"])
def predict_endpoint():  # type: ignore[no-untyped-def]  # Flask's style
    """A ride in, its duration out."""
    event = request.get_json()
    prediction = model.predict(prepare_features(event["ride"]))  # type: ignore[no-untyped-call]  # see above
    return jsonify({"ride_id": event["ride_id"], "duration": float(prediction[0])})
