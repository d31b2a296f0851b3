"""What goes into the images' build, without building it."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from strip_packages import SERVICES

from threeways import project
from threeways.docker import engine, images
from threeways.errors import EngineError

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
IGNORE = [
    line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")
]


STAGES = {
    stage.splitlines()[0]: re.sub(r"^#.*\n", "", stage, flags=re.MULTILINE)
    for stage in re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[1:]
}
"""What follows each FROM, by its line, without comments."""


def ships(path: str) -> bool:
    """Whether .dockerignore lets a file into the build: the last line on it or a folder above it counts."""
    verdict = True
    for line in IGNORE:
        pattern = line.removeprefix("!")
        if pattern == "*" or path == pattern or path.startswith(f"{pattern}/"):
            verdict = line.startswith("!")
    return verdict


def test_all_that_the_function_imports_ships_and_nothing_of_the_laptop_s_does() -> None:
    code = (
        "import json, sys, model, threeways.artifact.loader, threeways.systems.taxi.rides;"
        "print(json.dumps([m.__file__ for m in sys.modules.values() if getattr(m, '__file__', None)]))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    used = [
        Path(file).relative_to(ROOT).as_posix()
        for file in json.loads(said)
        if Path(file).is_relative_to(ROOT)
    ]
    own = [file for file in used if not file.startswith(".venv")]
    assert "threeways/stream/handler.py" in own
    assert [file for file in own if not ships(file)] == []
    for name in (
        "README.md",
        "threeways/emulator/server.py",
        "threeways/training/train.py",
        ".git/config",
        "tests/conftest.py",
    ):
        assert not ships(name)
    for name in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE):
        for source in name.split():
            assert (ROOT / source).exists()
            assert ships(source)


def test_the_dockerfile_asks_for_what_the_build_promises() -> None:
    assert re.search(
        r"^ARG BASE=public\.ecr\.aws/lambda/python:3\.13(@sha256:[0-9a-f]{64})?$", DOCKERFILE, re.MULTILINE
    )
    stages = [line.split() for line in DOCKERFILE.splitlines() if line.startswith("FROM")]
    named = {stage[3] for stage in stages if len(stage) == 4}
    assert {*images.LIMITS_MB} <= named
    assert {"${BASE}"} == {stage[1] for stage in stages} - named
    for option in ("--require-hashes", "--no-deps", "--only-binary=:all:", "unchecked-hash"):
        assert option in DOCKERFILE
    assert "--mount" not in DOCKERFILE, "`sam build` uses the classic builder, which knows no mounts"
    assert not re.search(r"https?://", DOCKERFILE), "where packages come from is pip's configuration's to say"
    for target in images.FUNCTIONS:
        stage = STAGES[f"${{BASE}} AS {target}"]
        assert stage.index("/packages") < stage.index("--from=code") < stage.index("LABEL"), (
            "what changes most comes last"
        )


def test_fast_has_the_packages_of_every_image_and_the_others_have_scikit_learn_too() -> None:
    packages, sklearn = "COPY --from=packages ", "COPY --from=sklearn-packages "
    for target in images.LIMITS_MB.keys() - {"join"}:
        stage = STAGES[f"${{BASE}} AS {target}"]
        assert packages in stage
        assert (sklearn in stage) is (target != "fast")
    join = STAGES["${BASE} AS join"]
    assert "COPY --from=join-packages " in join
    assert not re.search(f"{packages}|{sklearn}", join)
    assert DOCKERFILE.rstrip().endswith("\nFROM function"), "what is built without a target is the function"


def test_the_web_service_and_the_batch_job_are_not_in_the_function() -> None:
    left_out = "rm -r /code/threeways/web /code/threeways/batch /code/threeways/monitor "
    left_out += "/code/threeways/systems/*/page /code/threeways/systems/*/trips"
    assert left_out in STAGES["${BASE} AS code"]
    assert "COPY --from=web-code" in STAGES["${BASE} AS web"]
    for target in ("web", "batch"):
        assert "USER 65534" in STAGES[f"${{BASE}} AS {target}"]
    for target in images.FUNCTIONS:
        assert not re.search("web|batch", STAGES[f"${{BASE}} AS {target}"])
    for file in (
        "web_service.py",
        "threeways/web/app.py",
        "threeways/systems/taxi/page/page.html",
        "threeways/systems/taxi/page/zones.txt",
    ):
        assert ships(file)


def test_only_package_sources_that_a_container_can_reach_are_passed_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    configuration = tmp_path / ".config" / "pip" / "pip.conf"
    configuration.parent.mkdir(parents=True)
    configuration.write_text(
        "[global]\nindex-url = file:///mirror\nextra-index-url = file:///a http://b.test/simple\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / ".config"))
    for name in images.PIP_SETTINGS:
        monkeypatch.delenv(name, raising=False)
    assert images.pip_settings()["PIP_EXTRA_INDEX_URL"] == "http://b.test/simple"
    assert "PIP_INDEX_URL" not in images.pip_settings()
    monkeypatch.setenv("PIP_INDEX_URL", "http://c.test/simple")
    assert images.pip_settings()["PIP_INDEX_URL"] == "http://c.test/simple"


def test_the_label_s_version_and_commit_are_this_checkout_s(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t.test"]
    (tmp_path / "model.py").write_text("1")
    (tmp_path / "notes").write_text("1")
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run([*git, *command], cwd=tmp_path, check=True)
    monkeypatch.setattr(project, "ROOT", tmp_path)
    clean = images.revision()
    assert re.fullmatch("[0-9a-f]{40}", clean)
    (tmp_path / "notes").write_text("2")
    assert images.revision() == clean, "that does not ship"
    (tmp_path / "model.py").write_text("2")
    assert images.revision() == f"{clean}-dirty"


@pytest.mark.parametrize(("target", "limit"), images.LIMITS_MB.items())
def test_each_target_has_a_limit_of_its_own(
    target: str, limit: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = {engine.BASE: 251_000_000, "mine": 251_000_000 + limit * 1_000_000}
    monkeypatch.setattr(engine, "size", sizes.__getitem__)
    images.tell_size("mine", target, Console(width=200))
    assert f"mine: {limit} MB over its base (251 MB)" in capsys.readouterr().out
    sizes["mine"] += 1_000_000
    with pytest.raises(EngineError, match=f"over {limit} MB: .*docker history mine"):
        images.tell_size("mine", target, Console(width=200))


def test_without_an_engine_it_says_what_to_do(tmp_path: Path) -> None:
    for command in (["-m", "threeways", "image"], ["benchmarks/image_size.py"]):
        done = subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env={"PATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert "install Docker" in done.stderr
        assert "Traceback" not in done.stderr


def test_botocore_keeps_the_services_that_the_code_calls_and_no_others() -> None:
    """And sts, which the SDK itself calls for credentials."""
    called = set()
    for file in [ROOT / "model.py", ROOT / "web_service.py", *(ROOT / "threeways").rglob("*.py")]:
        if ships(file.relative_to(ROOT).as_posix()):
            called |= {name for name in map(_service, ast.walk(ast.parse(file.read_text()))) if name}
    assert called | {"sts"} == set(SERVICES)


def _service(node: ast.AST) -> str | None:
    """The service that a call makes a client or a resource of."""
    if not isinstance(node, ast.Call):
        return None
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    given = node.args[1:] if name == "core_client" else node.args  # whose first argument is the session
    if name not in {"client", "_client", "core_client", "resource"} or not given:
        return None
    if ast.unparse(node.func) == "dynamodb.client":
        return None  # it makes a `core_client` itself
    assert isinstance(given[0], ast.Constant | ast.Name), "which service, must be readable"
    return str(given[0].value) if isinstance(given[0], ast.Constant) else None
