"""The scheduled job reads database URLs from Secrets Manager, and tells them to nobody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from batch_lab import RIDE, rides, rows
from small_training import Training

from threeways.aws import secrets
from threeways.batch import scheduled
from threeways.emulator.server import Emulator
from threeways.errors import SettingsError


@pytest.fixture
def manager(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in emulator.environment().items():
        monkeypatch.setenv(name, value)
    client: Any = emulator.client
    return client("secretsmanager")


def kept(manager: Any, name: str, text: str) -> str:
    return str(manager.create_secret(Name=name, SecretString=text)["ARN"])


def test_a_run_whose_database_urls_are_secrets_is_as_any_other(
    manager: Any,
    tmp_path: Path,
    training: Training,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = f"sqlite:///{tmp_path / 'p.db'}"
    events = rides(tmp_path / "rides.db", [(1, *RIDE), (2, *RIDE)])
    monkeypatch.setenv("BATCH_EVENTS", kept(manager, "events", f"{events}\n"))
    monkeypatch.setenv("BATCH_PREDICTIONS", kept(manager, "predictions", out))
    monkeypatch.setenv("MODEL_LOCATION", str(training.report.model.folder))
    done = scheduled.lambda_handler({}, None)
    assert (done["read"], done["scored"]) == (2, 2)
    assert len(rows(out)) == 2
    assert "arn:aws:secretsmanager" not in json.dumps(done)


@pytest.mark.parametrize(
    ("text", "said"), [('{"username": "me", "password": "s3cr3t"}', "and not JSON"), (" ", "is no URL")]
)
def test_a_secret_that_is_no_url_is_refused_without_its_text(manager: Any, text: str, said: str) -> None:
    arn = kept(manager, f"bad-{len(text)}", text)
    with pytest.raises(SettingsError, match=said) as refused:
        secrets.resolved(arn, "BATCH_EVENTS")
    assert "s3cr3t" not in str(refused.value)
    assert arn in str(refused.value)


def test_a_secret_that_cannot_be_read_is_named_with_what_the_role_needs(manager: Any) -> None:
    arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:nobodys-AbCdEf"
    with pytest.raises(SettingsError, match=r"BATCH_EVENTS: .*nobodys.*cannot be read: .*GetSecretValue"):
        secrets.resolved(arn, "BATCH_EVENTS")


@pytest.mark.parametrize("value", ["postgresql://me@host/rides", "s3://b/k", "arn:aws:s3:::b", ""])
def test_any_other_value_is_itself(value: str) -> None:
    assert secrets.resolved(value, "BATCH_EVENTS") == value
