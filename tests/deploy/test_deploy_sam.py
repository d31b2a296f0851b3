"""The deployment's own commands: SAM CLI for real, Docker's pushes into a registry on this machine."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from deploy_lab import STACK, Lab, Tools, client
from registry import Registry
from rich.console import Console
from test_rollback import another_model

from threeways.docker import engine, sam_cli
from threeways.errors import DeploymentFailed, EngineError, UsageError
from threeways.ops.deploy import package
from threeways.ops.deploy.answers import Answers
from threeways.ops.deploy.docker_and_sam import DockerAndSam
from threeways.ops.deploy.model import check, find
from threeways.ops.deploy.repository import Login
from threeways.settings import Settings

pytest_plugins = ["deploy_fixtures"]

needs_sam = pytest.mark.skipif(
    shutil.which(sam_cli.sam()) is None,
    reason="SAM CLI IS NOT TESTED: `make validate` sets it up, then it is",
)
WHY = engine.missing()
needs_engine = pytest.mark.skipif(
    WHY is not None, reason=f"DOCKER'S PART OF A DEPLOYMENT IS NOT TESTED: {WHY}"
)


class WithSam(Tools):
    """The lab's tools, but deploying as `make deploy` does."""

    folder: Path

    def deploy(self, template: str, answers: Answers, values: Mapping[str, str], repository: str) -> None:
        self._step("deploy")
        DockerAndSam(self.folder, Console(file=io.StringIO())).deploy(template, answers, values, repository)


@pytest.fixture
def sam(lab: Lab) -> Lab:
    lab.tools = WithSam()
    lab.tools.folder = lab.folder / "deploy"
    return lab


@needs_sam
@pytest.mark.exhaustive
def test_sam_cli_deploys_a_first_time_and_again_though_nothing_changes(sam: Lab) -> None:
    first = sam.deploy(parameters="ShardCount=2 LogRetentionDays=7")
    assert first.parameters["LogRetentionDays"] == "7"
    assert first.parameters["DeploymentType"] == "AllAtOnce"
    assert sam.mapping()["State"] == "Enabled"
    variables = sam.variables()
    assert variables["MODEL_LOCATION"].startswith(f"s3://{first.outputs['ModelBucket']}/models/")
    body = client("cloudformation").get_template(StackName=STACK)["TemplateBody"]
    assert package.size(first.template) - 200 < len(body.encode()) <= package.size(first.template)
    steps = len(sam.tools.done)
    sam.deploy(parameters="DeploymentType=AllAtOnce")
    assert sam.variables() == variables
    assert sam.tools.done[steps:].count("deploy") == 1


@needs_sam
@pytest.mark.exhaustive
def test_sam_cli_s_failure_is_a_failure(sam: Lab) -> None:
    broken = '{"Resources": {"A": {"Type": "AWS::S3::Bucket", "DependsOn": "Nothing", "Properties": 1}}}'
    with pytest.raises(DeploymentFailed, match="SAM CLI ended with status"):
        sam.tools.deploy(broken, Answers(STACK, "us-east-1"), {"NoSuch": "1"}, "x")


@needs_engine
@pytest.mark.exhaustive
def test_an_image_is_pushed_by_digest_and_the_password_stays_nowhere(tmp_path: Path) -> None:
    tools = DockerAndSam(tmp_path, Console(file=io.StringIO()))
    (tmp_path / "layer").write_text("of an image")
    name = f"three-ways-test:{os.getpid()}"
    engine.docker("import", str(tar(tmp_path)), name)
    try:
        with Registry("AWS", "secret-of-twelve-hours") as registry:
            login = Login(f"{registry.address}/three-ways/rides", "AWS", "secret-of-twelve-hours")
            uri = tools.push(name, login)
            assert uri == tools.push(name, login), "a second time it is there already"
            assert uri.removeprefix(f"{login.uri}@") in registry.manifests
            with pytest.raises(EngineError, match="docker login"):
                tools.push(name, Login(login.uri, "AWS", "wrong"))
        assert "secret" not in repr(login)
        configuration = Path.home() / ".docker" / "config.json"
        assert not configuration.exists() or registry.address not in configuration.read_text()
        assert login.uri not in engine.docker("image", "ls", "--format", "{{.Repository}}")
    finally:
        engine.docker("image", "rm", name)


def tar(folder: Path) -> Path:
    with tarfile.open(folder / "layer.tar", "w") as archive:
        archive.add(folder / "layer", "layer")
    return folder / "layer.tar"


BUILT = None if WHY else engine.docker("image", "ls", "--quiet", "three-ways:latest")


@needs_engine
@pytest.mark.skipif(
    not BUILT, reason="THE MODEL IN THE IMAGE IS NOT TESTED: `make image` builds one, then it is"
)
@pytest.mark.exhaustive
def test_the_image_itself_says_whether_it_can_use_the_model(lab: Lab, tmp_path: Path) -> None:
    said = io.StringIO()
    tools = DockerAndSam(tmp_path, Console(file=said))
    chosen = check(find(None, lab.local, "ride_duration"), Settings(task="ride_duration"))
    values = {"Task": "ride_duration", "MemorySize": "1024", "ModelRuntime": "sklearn"}
    tools.prove("three-ways", chosen, values)
    assert "loaded the model" in said.getvalue()
    broken = another_model(chosen.folder, tmp_path)
    other = type(chosen)(chosen.name, Path(broken), chosen.sha256, "")
    with pytest.raises(UsageError, match=r"would not start .* not the artifact that was pinned"):
        tools.prove("three-ways", other, values)
    assert client("ecr").describe_repositories()["repositories"] == []
    if engine.docker("image", "ls", "--quiet", "three-ways-fast:latest"):
        tools.prove("three-ways-fast", chosen, {**values, "ModelRuntime": "onnx"})
        with pytest.raises(UsageError, match=r"would not start .*the image's target `function`"):
            tools.prove("three-ways-fast", chosen, values)
