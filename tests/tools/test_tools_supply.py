"""What is installed, by hash; what an image holds, under which licence; what is known to be vulnerable."""

from __future__ import annotations

import json
import re
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import audit
import lock_tools
import mlflow_page
import notices
import pin_base
import pytest
import setup_tool
from packaging.requirements import Requirement

import sbom

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
LOCK: dict[str, Any] = json.loads((ROOT / "Pipfile.lock").read_text())


@pytest.mark.parametrize("tool", lock_tools.wanted_by())
def test_a_tool_is_installed_from_a_lock_with_the_hash_of_each_file(tool: str) -> None:
    text = (setup_tool.LOCKS / f"{tool}.txt").read_text()
    locked = {}
    for entry in text.replace(" \\\n", "").splitlines():
        wanted = Requirement(entry.partition("    --hash=")[0])
        assert re.fullmatch(r"(    --hash=sha256:[0-9a-f]{64})+", entry[entry.index("    --hash") :]), entry
        locked[wanted.name] = str(wanted.specifier)
        assert str(wanted.specifier).startswith("=="), entry
    for asked in map(Requirement, lock_tools.wanted_by()[tool]):
        assert asked.specifier.contains(locked[asked.name].removeprefix("=="))
    assert "--require-hashes" in setup_tool.installing(Path("python"), setup_tool.LOCKS / f"{tool}.txt")
    assert not re.search("https?:|file:|index-url", text), "where packages come from is pip's to say"


@pytest.mark.parametrize("target", sbom.TARGETS)
def test_each_image_has_an_sbom_of_exactly_its_packages_of_the_lock(target: str) -> None:
    made = json.loads((ROOT / "sbom" / f"{target}.cdx.json").read_text())
    found = {sbom.name_of(one): one["version"] for one in made["components"]}
    assert found == sbom.packages(LOCK, target), "run `make sbom`"
    assert (made["bomFormat"], made["specVersion"]) == ("CycloneDX", "1.6")
    assert all(one["purl"].startswith("pkg:pypi/") for one in made["components"])
    assert "externalReferences" not in json.dumps(made)
    assert {name for name, one in zip(found, made["components"], strict=True) if "licenses" not in one} <= {
        "rich-click"  # which has its text alone
    }
    assert f"COPY sbom/{target}.cdx.json /var/task/sbom.cdx.json" in DOCKERFILE
    sections = [section for section in sbom.TARGETS[target] if section != "default"]
    assert all(f"COPY --from={section}-packages" in DOCKERFILE for section in sections)


def test_the_image_of_a_join_has_nothing_that_computes() -> None:
    """An addition to [packages] is in the functions' images; whether a join needs it, `NOT_OF` says."""
    named = {"aws-lambda-powertools", "boto3", "msgspec"}
    theirs = {"botocore", "jmespath", "python-dateutil", "s3transfer", "six", "typing-extensions", "urllib3"}
    zones = {"tzdata"}  # of events' times: a join of labels parts them by the hour of their own clock
    assert sbom.packages(LOCK, "join").keys() == named | theirs | zones


@pytest.mark.parametrize("target", sbom.TARGETS)
def test_each_package_of_an_image_says_its_licence_and_where_its_source_is(target: str) -> None:
    for name in sbom.packages(LOCK, target):
        package = distribution(name)
        folder = Path(str(package.locate_file("")))
        assert notices.licence(package) or notices.texts(package, folder), name
        assert notices.source(package), name
    assert DOCKERFILE.count("python3 notices.py") == len(
        {"packages", "join", "sklearn", "frame", "web", "batch"}
    )


def test_the_notices_name_the_texts_of_the_licences_that_ask_for_more(
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = Path(str(distribution("psycopg").locate_file("")))
    for name, licence in (("psycopg", "LGPL"), ("psycopg-binary", "LGPL"), ("certifi", "MPL")):
        lines = [*notices.notice(distribution(name), folder)]
        assert licence in lines[1]
        assert "https://" in lines[2]
        assert any("LICENSE" in line for line in lines[3:])
    assert notices.main([]) == 2
    assert "usage" in capsys.readouterr().err


def test_a_package_without_a_licence_stops_the_build(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    info = tmp_path / "nobodys-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: nobodys\nVersion: 1\n")
    assert notices.main([str(tmp_path)]) == 2
    assert "no licence is said by nobodys" in capsys.readouterr().err
    (info / "METADATA").write_text(
        "Metadata-Version: 2.4\nName: nobodys\nVersion: 1\nLicense-Expression: MIT\n"
    )
    assert notices.main([str(tmp_path)]) == 0
    assert "nobodys 1\n  licence: MIT" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("dependencies", "status", "said"),
    [
        ([{"name": "a", "version": "1", "vulns": []}], 0, "1 packages, no known vulnerability"),
        ([{"name": "a", "skip_reason": "not found"}], 3, "NOT AUDITED: some: 1 of 1 packages"),
        (
            [{"name": "a", "version": "1", "vulns": [{"id": "X-1", "fix_versions": ["2"]}]}],
            1,
            "X-1, mended in 2",
        ),
        (None, 3, "NOT AUDITED: some: no network"),
    ],
)
def test_an_audit_that_could_ask_nobody_is_no_clean_one(
    dependencies: Any, status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    report = None if dependencies is None else {"dependencies": dependencies}
    assert audit.told("some", report, "a line\nno network") == status
    assert said in capsys.readouterr().out


def test_the_base_is_pinned_by_the_digest_of_its_own_repository_and_the_tag_stays() -> None:
    said = json.dumps(["other/python@sha256:" + "a" * 64, "public.ecr.aws/lambda/python@sha256:" + "b" * 64])
    digest = pin_base.digest_of(said, "public.ecr.aws/lambda/python:3.13")
    assert digest == "sha256:" + "b" * 64
    once = pin_base.pinned(DOCKERFILE, digest)
    assert f"ARG BASE=public.ecr.aws/lambda/python:3.13@{digest}\n" in once
    assert pin_base.pinned(once, digest) == once
    assert pin_base.digest_of("[]", "public.ecr.aws/lambda/python:3.13") is None


def test_mlflow_s_page_listens_here_alone_tells_nobody_and_shows_no_password_in_its_arguments() -> None:
    words = mlflow_page.command({"PORT": "5001"})
    assert words[words.index("--host") + 1] == "127.0.0.1"
    assert words[-1] == "5001"
    assert mlflow_page.OFF["MLFLOW_DISABLE_TELEMETRY"] == "true"
