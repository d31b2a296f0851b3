"""Train one model that predicts two numbers of a delivery, and log it to MLflow with their names.

Run it where `.local` is: `python examples/several_outputs.py`. The model is then `models:/delivery@prod`, and
`.local/deliveries.parquet` has deliveries to try it with, with what each took in `minutes` and `litres`.
"""

import os
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

LOCAL = Path(".local")
OUTPUTS = ["minutes", "litres"]


def deliveries(rows: int, seed: int) -> pd.DataFrame:
    """Return deliveries, one a row: an id, what was known before, and the time and the fuel that it took."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "delivery_id": np.arange(rows),
            "distance_km": rng.gamma(2, 6, rows).round(2),
            "parcels": 1.0 + rng.poisson(3, rows),
            "weight_kg": np.where(rng.random(rows) < 0.1, np.nan, rng.gamma(2, 8, rows).round(1)),
            "hour": rng.uniform(6, 22, rows).round(2),
            "van": rng.choice(["small", "large", "electric"], rows),
        }
    )
    rush = np.exp(-((frame["hour"] - 17) ** 2) / 4)
    thirst = frame["van"].map({"small": 0.08, "large": 0.12, "electric": 0.0})
    frame["minutes"] = frame["distance_km"] * (1.6 + rush) + frame["parcels"] * 3 + rng.normal(0, 2, rows)
    frame["litres"] = frame["distance_km"] * thirst * (1 + 0.3 * rush) * rng.normal(1, 0.05, rows)
    return frame


def main() -> None:
    """Train, log, register, and write the events to try the model with."""
    LOCAL.mkdir(exist_ok=True)
    mlflow.set_tracking_uri(os.environ.get("MLFLOW_TRACKING_URI", f"sqlite:///{LOCAL}/mlflow.db"))
    mlflow.set_experiment("delivery")
    train, later = deliveries(6_000, seed=1), deliveries(2_000, seed=2)
    features = train.drop(columns=["delivery_id", *OUTPUTS])
    numbers = [name for name in features if name != "van"]
    model = make_pipeline(
        make_column_transformer((SimpleImputer(), numbers), (OneHotEncoder(), ["van"])),
        RandomForestRegressor(50, min_samples_leaf=5, random_state=0),
    ).fit(features, train[OUTPUTS])

    errors = model.predict(later[features.columns]) - later[OUTPUTS]
    with mlflow.start_run():
        mlflow.log_metrics({f"rmse_{name}": float(np.sqrt((errors[name] ** 2).mean())) for name in OUTPUTS})
        mlflow.sklearn.log_model(
            model,
            name="model",
            serialization_format="skops",
            skops_trusted_types=["numpy.dtype", "sklearn.tree._tree.Tree"],
            signature=infer_signature(features, pd.DataFrame(model.predict(features), columns=OUTPUTS)),
            input_example=features.head(20),
            metadata={"id": "delivery_id"},
            registered_model_name="delivery",
        )
    client = mlflow.MlflowClient()
    newest = max(client.search_model_versions("name='delivery'"), key=lambda one: int(one.version))
    client.set_registered_model_alias("delivery", "prod", newest.version)
    later.to_parquet(LOCAL / "deliveries.parquet", index=False)
    print(f"models:/delivery@prod is version {newest.version}; to try it: {LOCAL}/deliveries.parquet")


if __name__ == "__main__":
    main()
