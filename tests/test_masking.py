"""No password is printed, stored or raised, however it is spelt."""

from __future__ import annotations

import pytest

from threeways.errors import BatchError, QuarantineFailed
from threeways.masking import masked

SECRET = "s3cr3t"
HIDDEN = {
    f"postgresql://me:{SECRET}@host:5432/rides": "postgresql://me:***@host:5432/rides",
    f"postgresql://me:{SECRET}%40x@host/rides": "postgresql://me:***@host/rides",
    f"postgresql://me:a@{SECRET}@host/rides": "postgresql://me:***@host/rides",
    f"postgresql://me:a@b@{SECRET}@host/rides": "postgresql://me:***@host/rides",
    f"postgresql://me:a/{SECRET}@host/rides": "postgresql://me:***@host/rides",
    f"postgresql://me:1/{SECRET}?x#y@host/rides": "postgresql://me:***@host/rides",
    f"postgresql://:{SECRET}@host/rides": "postgresql://:***@host/rides",
    f"postgresql://host/rides?user=me&password={SECRET}": "postgresql://host/rides?user=me&password=***",
    f"postgresql://host/rides?PassWord={SECRET}&a=1": "postgresql://host/rides?PassWord=***&a=1",
    f"postgresql://host/rides?p%61ssword={SECRET}": "postgresql://host/rides?p%61ssword=***",
    f"postgresql://host/rides?sslpassword={SECRET}": "postgresql://host/rides?sslpassword=***",
    f"postgresql+psycopg://me:{SECRET}@[::1]:5432/rides": "postgresql+psycopg://me:***@[::1]:5432/rides",
    f"postgresql:/me:{SECRET}@host/rides": "postgresql:/me:***@host/rides",
    f"https://me:{SECRET}@mlflow.test/": "https://me:***@mlflow.test/",
    f"https://{SECRET}@mlflow.test/": "https://***@mlflow.test/",
    f"https://b.s3.amazonaws.com/k?X-Amz-Signature={SECRET}&X-Amz-Date=1": (
        "https://b.s3.amazonaws.com/k?X-Amz-Signature=***&X-Amz-Date=1"
    ),
    f"https://b.test/k?X-Amz-Credential={SECRET}&X-Amz-Security-Token={SECRET}": (
        "https://b.test/k?X-Amz-Credential=***&X-Amz-Security-Token=***"
    ),
    f"https://b.test/k?AWSAccessKeyId={SECRET}&Signature={SECRET}": "https://b.test/k?AWSAccessKeyId=***&Signature=***",
    f"https://blob.test/k?sv=1&sig={SECRET}": "https://blob.test/k?sv=1&sig=***",
    f"no route with url: /k?a=1&X-Amz-Signature={SECRET}": "no route with url: /k?a=1&X-Amz-Signature=***",
    f"host=h user=me password={SECRET} dbname=d": "host=h user=me password=*** dbname=d",
    f"host=h password = '{SECRET} with \\' quotes' dbname=d": "host=h password=*** dbname=d",
}
LEFT = [
    "postgresql://me@host/rides",
    "postgresql://host:5432/rides?user=me&connect_timeout=3",
    "s3://bucket/a@b/c:d/*.parquet",
    "models:/ride-duration@champion",
    "http://127.0.0.1:8080/predict?next=a@b",
    "http://[::1]:8080/x@y",
    "sqlite:////tmp/a b/mlflow.db",
    "give the password in Secrets Manager; EVENTS=postgresql://…",
    "write postgresql://user@host/database, or postgresql://user:password@host/database",
    "https://example.test:443/a?page=2",
]


@pytest.mark.parametrize("text", HIDDEN)
def test_a_password_is_hidden_in_any_spelling(text: str) -> None:
    for around in ("{}", "EVENTS={}: cannot be used", "one '{}' and two {}, three"):
        assert masked(around.replace("{}", text)) == around.replace("{}", HIDDEN[text])
    assert masked(masked(text)) == HIDDEN[text]


@pytest.mark.parametrize("text", LEFT)
def test_what_holds_none_is_left_as_it_is(text: str) -> None:
    assert masked(text) == text


def test_every_error_hides_it_wherever_it_is_raised() -> None:
    url = f"postgresql://me:{SECRET}@host/rides"
    for error in (BatchError(f"PREDICTIONS={url} is none"), QuarantineFailed(f"{url} is none", 3)):
        assert SECRET not in str(error)
        assert SECRET not in repr(error)
        assert "me:***@host" in str(error)
