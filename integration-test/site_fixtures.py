"""The site of a test run, brought up once. `run.py` says which by EMULATOR, IMAGE and FUNCTION."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from threeways.docker import images as build
from threeways.integration import sites

ROOT = Path(__file__).resolve().parents[1]
LOCAL = ROOT / ".local"


@pytest.fixture(scope="session")
def image() -> str:
    """The image under test; a test that needs one is skipped, loudly, where there is none."""
    name = os.environ.get("IMAGE", "")
    if os.environ["EMULATOR"] == "aws":
        pytest.skip("EMULATOR=aws tests the deployed function: `make integration-test` tests its image")
    if not name:
        pytest.skip(
            "NOT TESTED, for it needs a container engine: run `make integration-test` where Docker is"
        )
    return name


@pytest.fixture(scope="session")
def join_image() -> str:
    """The join's image; where there is none the test is skipped, loudly."""
    if os.environ["EMULATOR"] != "moto":
        pytest.skip(
            "NOT TESTED: a join needs a table; LocalStack's DynamoDB needs Java. EMULATOR=moto has one"
        )
    name = os.environ.get("JOIN_IMAGE", "")
    if not name:
        pytest.skip("NOT TESTED: a join's image: `make image TARGET=join` builds it, then it is")
    return name


@pytest.fixture(scope="session")
def target() -> str:
    """The target under test. Without an image there is this environment, which has all of the default's."""
    name = os.environ.get("IMAGE", "")
    return build.target_of(name) if name else build.FUNCTION


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sites.Site]:
    """The function, its streams and its buckets."""
    if os.environ["EMULATOR"] == "aws":
        yield sites.deployed(os.environ["FUNCTION"])
        return
    from threeways.local_run.stack import RunningStack
    from threeways.training.train import resolve_or_train

    folder = tmp_path_factory.mktemp("stack")
    console = Console(width=120, highlight=False)
    model = resolve_or_train(console=console, folder=LOCAL)
    emulator = sites.emulator(os.environ["EMULATOR"], LOCAL)
    make = sites.in_image(os.environ.get("IMAGE") or None)
    with RunningStack(folder, model, None, console, emulator=emulator, function=make) as stack:
        yield sites.here(stack, model.folder, make)
