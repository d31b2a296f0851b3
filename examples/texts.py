"""Train a spam filter on a DataFrame with one column of texts, and log it to MLflow with its signature.

Run it where `.local` is: `python examples/texts.py`. The model is then `models:/spam@prod`, and
`.local/mails.jsonl` has mails to try it with, with what each is in the field `kind`.
"""

import os
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline

LOCAL = Path(".local")
WORDS = {
    "ham": [
        "meeting",
        "lunch",
        "report",
        "invoice",
        "attached",
        "tomorrow",
        "thanks",
        "project",
        "review",
        "notes",
        "train",
        "agenda",
        "question",
    ],
    "offer": [
        "sale",
        "discount",
        "weekend",
        "shoes",
        "delivery",
        "newsletter",
        "collection",
        "season",
        "members",
        "spring",
    ],
    "spam": [
        "winner",
        "prize",
        "urgent",
        "claim",
        "free",
        "money",
        "transfer",
        "account",
        "lottery",
        "click",
        "inheritance",
    ],
}
COMMON = ["the", "your", "a", "for", "this", "with", "please", "we", "you", "and", "is", "in", "today"]


def mails(rows: int, seed: int) -> pd.DataFrame:
    """Return mails, one a row: an id, the subject, and of what kind it is."""
    rng = np.random.default_rng(seed)
    kinds = rng.choice(list(WORDS), rows, p=[0.6, 0.25, 0.15])
    subjects = []
    for kind in kinds:
        borrowed = WORDS[rng.choice(list(WORDS))]  # mails of one kind use the words of others, too
        own = rng.choice([*WORDS[kind], *WORDS[kind], *borrowed], rng.integers(1, 5))
        words = [*own, *rng.choice(COMMON, rng.integers(1, 6))]
        subjects.append(" ".join(rng.permutation(words)))
    return pd.DataFrame({"id": np.arange(rows), "subject": subjects, "kind": kinds})


def main() -> None:
    """Train, log, register, and write the events to try the model with."""
    LOCAL.mkdir(exist_ok=True)
    mlflow.set_tracking_uri(os.environ.get("MLFLOW_TRACKING_URI", f"sqlite:///{LOCAL}/mlflow.db"))
    mlflow.set_experiment("spam")
    train, later = mails(8_000, seed=1), mails(2_000, seed=2)
    features = train[["subject"]]
    model = make_pipeline(
        make_column_transformer((TfidfVectorizer(ngram_range=(1, 2), min_df=2), "subject")),
        LogisticRegression(max_iter=1000),
    ).fit(features, train["kind"])

    with mlflow.start_run():
        mlflow.log_metric("log_loss", log_loss(later["kind"], model.predict_proba(later[["subject"]])))
        mlflow.sklearn.log_model(
            model,
            name="model",
            serialization_format="skops",
            skops_trusted_types=["numpy.dtype"],
            pyfunc_predict_fn="predict_proba",
            signature=infer_signature(features, model.predict_proba(features)),
            input_example=features.head(20),
            registered_model_name="spam",
        )
    client = mlflow.MlflowClient()
    newest = max(client.search_model_versions("name='spam'"), key=lambda one: int(one.version))
    client.set_registered_model_alias("spam", "prod", newest.version)
    later.to_json(LOCAL / "mails.jsonl", orient="records", lines=True)
    print(f"models:/spam@prod is version {newest.version}; mails to try it: {LOCAL}/mails.jsonl")


if __name__ == "__main__":
    main()
