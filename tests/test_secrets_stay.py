"""No output of any command, and no file that it leaves, holds the password that it was given."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from small_training import Training

from threeways.cli import app as cli
from threeways.cli import errors

pytest_plugins = ["postgres_server"]

SECRET = "s3cr3tpassw0rd"
NOBODY = "127.0.0.1:9"
SPELT = {
    "userinfo": f"postgresql://me:{SECRET}@{NOBODY}/rides",
    "with an @ in it": f"postgresql://me:a@{SECRET}@{NOBODY}/rides",
    "with a slash in it": f"postgresql://me:a/{SECRET}@{NOBODY}/rides",
    "escaped": f"postgresql://me:%40{SECRET}@{NOBODY}/rides",
    "in the query": f"postgresql://{NOBODY}/rides?user=me&password={SECRET}&connect_timeout=2",
    "no driver": f"mysql://me:{SECRET}@{NOBODY}/rides",
    "presigned": f"https://{NOBODY}/rides.parquet?X-Amz-Credential={SECRET}&X-Amz-Signature={SECRET}",
    "a token": f"https://{SECRET}@{NOBODY}/rides.parquet",
    "a web password": f"http://me:{SECRET}@{NOBODY}/",
}
OFTEN = {"with an @ in it", "in the query", "presigned"}
"""Those that every `make test` tries; CI tries all."""
COMMANDS = {
    "run events": ["run", "--n", "9", "--events", "URL"],
    "torture events": ["torture", "--n", "9", "--events", "URL"],
    "batch events": ["batch", "--events", "URL", "--table", "rides"],
    "batch predictions": ["batch", "--predictions", "URL"],
    "batch spark": ["batch", "--engine", "spark", "--events", "URL", "--predictions", "URL"],
    "train": ["train", "--data", "URL", "--validation", "URL"],
    "export": ["export", "URL", "--events", "URL", "--to", "URL"],
    "digest": ["digest", "URL"],
    "check": ["check", "URL"],
    "replay": ["replay", "--from", "URL", "--yes"],
    "quarantine": ["quarantine", "URL"],
    "doctor": ["doctor", "--template", "URL"],
    "invoke": ["invoke", "--event", "URL"],
    "deploy model": ["deploy", "--stack", "a", "--yes", "--model", "URL"],
}
ENVIRONMENT = {
    "web": (["web", "--port", "0"], "MODEL_LOCATION"),
    "export": (["export"], "MODEL_LOCATION"),
    "digest of a store": (["digest", "models:/a/1"], "MLFLOW_TRACKING_URI"),
    "check of a store": (["check"], "MLFLOW_TRACKING_URI"),
    "web of a store": (["web", "--port", "0"], "MLFLOW_TRACKING_URI"),
}


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own, and clients that give up at once."""
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_MAX_ATTEMPTS", "MLFLOW_HTTP_REQUEST_MAX_RETRIES"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
    return tmp_path


def holds_it(folder: Path, *outputs: str) -> list[str]:
    """Where the secret is: in which output, in which file below a folder."""
    files = [path for path in folder.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    return [text for text in outputs if SECRET in text] + [str(path) for path in files]


def run(
    words: list[str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["threeways", *words])
    status = errors.run(cli.app)
    said = capfd.readouterr()
    return status, said.out, said.err


@pytest.mark.parametrize(
    "spelt",
    [pytest.param(name, marks=() if name in OFTEN else pytest.mark.exhaustive) for name in SPELT],
)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_is_given_one_keeps_it_to_itself(
    command: str, spelt: str, quick: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [word.replace("URL", SPELT[spelt]) for word in COMMANDS[command]]
    status, out, err = run(words, capfd, monkeypatch)
    assert status != 0, out
    assert holds_it(quick, out, err) == []
    assert err.startswith("error: ")


@pytest.mark.parametrize("spelt", [name for name, url in SPELT.items() if not url.startswith("postgresql")])
@pytest.mark.parametrize("command", ENVIRONMENT)
def test_a_command_whose_environment_has_one_keeps_it_to_itself(
    command: str, spelt: str, quick: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words, variable = ENVIRONMENT[command]
    monkeypatch.setenv(variable, SPELT[spelt])
    status, out, err = run(words, capfd, monkeypatch)
    assert status != 0, out
    assert holds_it(quick, out, err) == []


@pytest.mark.exhaustive
def test_a_batch_run_that_succeeds_leaves_it_nowhere(
    postgres_server: str,
    training: Training,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(training.folder.parent)
    socket = sa.make_url(postgres_server).query["host"]
    url = f"postgresql://rides:{SECRET}@/postgres?password={SECRET}&host={socket}"
    words = ["batch", "--predictions", url, "--report", ".local/secret.html"]
    status, out, err = run(words, capfd, monkeypatch)
    assert status == 0, err
    assert "Predictions and quarantine: postgresql://rides" in out
    assert (training.folder / "last-batch.json").is_file()
    assert holds_it(training.folder.parent, out, err) == []
