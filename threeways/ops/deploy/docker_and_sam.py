"""Docker and SAM CLI, as a deployment needs them."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from threeways.docker import engine, images, sam_cli
from threeways.errors import DeploymentFailed, EngineError, UsageError
from threeways.ops.deploy.answers import Answers
from threeways.ops.deploy.model import Chosen
from threeways.ops.deploy.repository import Login
from threeways.settings import inherited_environment

LAMBDA_NAMES = {"amd64": "x86_64", "arm64": "arm64"}
TOLD = {"TASK": "Task", "MODEL_NAME": "ModelName", "EVENT_ID": "EventId", "MODEL_RUNTIME": "ModelRuntime"}
"""The function's variables that are parameters of the template."""
PROVE = """
import sys, model, threeways.errors, threeways.settings
settings = threeways.settings.from_environment(threeways.settings.Settings, {given!r})
try:
    model.build(settings)
except threeways.errors.ThreewaysError as error:
    print(f"refused: {{error}}")
else:
    print("ready")
"""
PROVE_JOIN = """
import sys, threeways.errors
from threeways.join import finding, functions
try:
    finding.find(*{given!r}).prove()
except threeways.errors.ThreewaysError as error:
    print(f"refused: {{error}}")
else:
    print("ready")
"""


class DockerAndSam:
    """This machine's. folder: for what they read; the template that was deployed last stays there."""

    def __init__(self, folder: Path, console: Console) -> None:
        self._folder, self._console = folder, console

    def require(self) -> None:
        """Raise EngineError without a container engine, UsageError without SAM CLI."""
        engine.require()
        sam_cli.require()

    def machine(self) -> str:
        """Return the architecture that the engine runs, as Lambda calls it."""
        return LAMBDA_NAMES.get(engine.machine(), "x86_64")

    def architecture(self, image: str) -> str:
        """Return what an image was built for, as Lambda calls it. Raises EngineError where there is none."""
        built = engine.architecture(image)
        return LAMBDA_NAMES.get(built, built)

    def build(self, architecture: str, target: str) -> str:
        """Build the image as `make image TARGET=` does; its tag. Raises EngineError."""
        tag = f"{images.tag_of(target)}:deploy-{architecture}"
        other = None if architecture == self.machine() else architecture
        images.build(tag, other, target=target, console=self._console)
        images.tell_size(tag, target, self._console)
        return tag

    def prove(self, image: str, chosen: Chosen, values: Mapping[str, str]) -> None:
        """Load the model in the image, with the function's memory. Raises UsageError, EngineError."""
        if engine.architecture(image) != engine.machine():
            self._console.print(
                f"NOT TRIED: the model in the image: it is for {self.architecture(image)}, not this machine"
            )
            return
        given = {name: values.get(parameter, "") for name, parameter in TOLD.items()} | {
            "MODEL_LOCATION": "/model",
            "MODEL_SHA256": chosen.sha256,
            "RUN_ID": chosen.run_id,
            "TEST_RUN": "true",
        }
        code = PROVE.format(given=given)
        with self._readable(chosen.folder) as folder:
            said = engine.inside(
                image, code, "--volume", f"{folder}:/model:ro", "--memory", f"{values['MemorySize']}m"
            )
        if said.splitlines()[-1:] != ["ready"]:
            raise UsageError(f"the function would not start with {chosen.name}: {said}")
        self._console.print("The image has loaded the model and predicted its example")

    def prove_join(self, image: str, name: str, values: Mapping[str, str]) -> None:
        """Have the image find a join and decide about its example. Raises UsageError, EngineError."""
        if engine.architecture(image) != engine.machine():
            self._console.print(
                f"NOT TRIED: the join in the image: it is for {self.architecture(image)}, not this machine"
            )
            return
        given = (name, *filter(None, [values.get("Policy")]))
        said = engine.inside(image, PROVE_JOIN.format(given=given), "--memory", f"{values['MemorySize']}m")
        if said.splitlines()[-1:] != ["ready"]:
            raise UsageError(f"the functions would not start with JOIN={name}: {said}")
        self._console.print("The image has found the join and decided about its example")

    @contextmanager
    def _readable(self, folder: Path) -> Iterator[Path]:
        """Return a copy that any user may read: in the container it is another."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder) as scratch:
            Path(scratch).chmod(0o755)
            copy = Path(scratch, "model").absolute()
            shutil.copytree(folder, copy, copy_function=shutil.copyfile)
            for path in (copy, *copy.rglob("*")):
                path.chmod(0o755 if path.is_dir() else 0o644)
            yield copy

    def push(self, image: str, login: Login) -> str:
        """Push an image; its URI by digest. Raises EngineError.

        The tag is the image's own id, so that pushing another never moves it. The password stays in a folder
        that is removed.
        """
        tag = engine.docker("image", "inspect", "--format", "{{.Id}}", image).removeprefix("sha256:")[:12]
        target = f"{login.uri}:{tag}"
        engine.docker("tag", image, target)
        try:
            with self._logged_in(login) as env:
                self._console.print(f"Pushing {target}", soft_wrap=True)
                engine.docker("push", "--quiet", target, env=env)
            said = engine.docker("image", "inspect", "--format", "{{json .RepoDigests}}", target)
        finally:
            engine.docker("image", "rm", "--no-prune", target)
        for uri in json.loads(said) or []:
            if uri.startswith(f"{login.uri}@"):
                return str(uri)
        raise EngineError(f"{target} was pushed, but Docker tells no digest of it: {said}")

    @contextmanager
    def _logged_in(self, login: Login) -> Iterator[dict[str, str]]:
        host = engine.docker("context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
        with tempfile.TemporaryDirectory() as configuration:
            env = inherited_environment() | {"DOCKER_CONFIG": configuration, "DOCKER_HOST": host}
            registry = login.uri.partition("/")[0]
            words = ("login", registry, "--username", login.user, "--password-stdin")
            engine.docker(*words, env=env, stdin=login.password)
            yield env

    def deploy(self, template: str, answers: Answers, values: Mapping[str, str], repository: str) -> None:
        """`sam deploy` of a packaged template: a change set, its events, its end. Raises DeploymentFailed.

        docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-cli-command-reference-sam-deploy.html
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{answers.stack}.json"
        path.write_text(template)
        done = subprocess.run(  # noqa: S603 - made below
            sam_deploy(path, answers, values, repository),
            env=inherited_environment() | {"SAM_CLI_TELEMETRY": "0"},
            check=False,
        )
        if done.returncode:
            raise DeploymentFailed(
                f"SAM CLI ended with status {done.returncode}; what it said is above. CloudFormation takes a "
                f"failed update back by itself; the template was {path}"
            )


def sam_deploy(path: Path, answers: Answers, values: Mapping[str, str], repository: str) -> list[str]:
    """Return the command, with every parameter: of others CloudFormation keeps the value from before."""
    return [
        *(sam_cli.sam(), "deploy", "--template-file", str(path)),
        *("--stack-name", answers.stack, "--region", answers.region),
        *("--capabilities", "CAPABILITY_IAM", "--image-repository", repository),
        *("--no-confirm-changeset", "--no-fail-on-empty-changeset", "--no-progressbar"),
        *("--parameter-overrides", *(f'{name}="{value}"' for name, value in values.items())),
    ]
