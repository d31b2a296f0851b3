"""Train a fraud model on a DataFrame of numbers and texts, and log it to MLflow with its signature.

Run it where `.local` is: `python examples/fraud.py`. The model is then `models:/fraud@prod`, and
`.local/payments.parquet` has payments of the days after, with what became of each in the column `outcome`.
"""

import os
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

LOCAL = Path(".local")
TEXTS = ["country", "card", "merchant"]


def payments(rows: int, seed: int) -> pd.DataFrame:
    """Return payments, one a row: an id, twelve numbers, three texts, and what became of it."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "payment_id": [f"p{seed}-{place:06}" for place in range(rows)],
            "amount": rng.lognormal(3.5, 1.1, rows).round(2),
            "hour": rng.integers(0, 24, rows),
            "weekday": rng.integers(0, 7, rows),
            "account_age_days": rng.gamma(2, 300, rows).round(),
            "payments_last_hour": rng.poisson(0.4, rows),
            "payments_last_day": rng.poisson(3.0, rows),
            "mean_amount_30d": rng.lognormal(3.4, 0.8, rows).round(2),
            "failed_last_day": rng.poisson(0.2, rows),
            "distance_km": rng.gamma(1.2, 40, rows).round(1),
            "ip_risk": rng.beta(1.5, 8, rows).round(4),
            "device_age_days": rng.gamma(1.5, 200, rows).round(),
            "basket_items": 1 + rng.poisson(2.0, rows),
            "country": rng.choice(["DE", "FR", "PL", "US", "BR"], rows, p=[0.4, 0.25, 0.15, 0.15, 0.05]),
            "card": rng.choice(["debit", "credit", "prepaid"], rows, p=[0.5, 0.42, 0.08]),
            "merchant": rng.choice(["grocery", "travel", "electronics", "games", "fashion"], rows),
        }
    )
    risk = (
        -4.6
        + 0.6 * np.log(frame["amount"] / frame["mean_amount_30d"])
        + 0.8 * frame["failed_last_day"]
        + 0.5 * frame["payments_last_hour"]
        + 6 * frame["ip_risk"]
        + 0.006 * frame["distance_km"]
        - 0.001 * frame["account_age_days"]
        + frame["card"].eq("prepaid") * 1.2
        + frame["merchant"].isin(["electronics", "games"]) * 0.7
    )
    frame["outcome"] = np.where(rng.random(rows) < 1 / (1 + np.exp(-risk)), "fraud", "ok")
    return frame


def main() -> None:
    """Train, log, register, and write the events to try the model with."""
    LOCAL.mkdir(exist_ok=True)
    mlflow.set_tracking_uri(os.environ.get("MLFLOW_TRACKING_URI", f"sqlite:///{LOCAL}/mlflow.db"))
    mlflow.set_experiment("fraud")
    train, later = payments(20_000, seed=1), payments(5_000, seed=2)
    features = train.drop(columns=["payment_id", "outcome"])
    numbers = [name for name in features if name not in TEXTS]
    model = make_pipeline(
        make_column_transformer((StandardScaler(), numbers), (OneHotEncoder(handle_unknown="ignore"), TEXTS)),
        LogisticRegression(max_iter=1000),
    ).fit(features, train["outcome"])

    told = model.predict_proba(later[features.columns])
    with mlflow.start_run():
        mlflow.log_metric("log_loss", log_loss(later["outcome"], told))
        mlflow.log_metric("auc", roc_auc_score(later["outcome"] == "ok", told[:, 1]))
        mlflow.sklearn.log_model(
            model,
            name="model",
            serialization_format="skops",
            skops_trusted_types=["numpy.dtype"],
            pyfunc_predict_fn="predict_proba",
            signature=infer_signature(features, model.predict_proba(features)),
            input_example=features.head(20),
            metadata={"id": "payment_id"},
            registered_model_name="fraud",
        )
    client = mlflow.MlflowClient()
    newest = max(client.search_model_versions("name='fraud'"), key=lambda one: int(one.version))
    client.set_registered_model_alias("fraud", "prod", newest.version)
    later.to_parquet(LOCAL / "payments.parquet", index=False)
    print(f"models:/fraud@prod is version {newest.version}; payments to try it: {LOCAL}/payments.parquet")


if __name__ == "__main__":
    main()
