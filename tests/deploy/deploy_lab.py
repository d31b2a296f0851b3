"""What tests of deployments share: an account, this machine's tools without Docker, and who consumes."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boto3
from cloud import Cloud
from rich.console import Console

import model
from threeways.emulator.function import InProcessFunction
from threeways.emulator.mapping import Clients, EventSourceMapping
from threeways.emulator.mapping.settings import from_event
from threeways.errors import DeploymentFailed
from threeways.ops.deploy.answers import Answers
from threeways.ops.deploy.changes import Options
from threeways.ops.deploy.deploy import deploy
from threeways.ops.deploy.destroy import destroy
from threeways.ops.deploy.docker_and_sam import DockerAndSam
from threeways.ops.deploy.model import Chosen
from threeways.ops.deploy.repository import Login
from threeways.ops.deploy.rollback import rollback
from threeways.ops.deploy.stack import Stack
from threeways.settings import Settings, from_environment

STACK = "rides"
NO_EVENT: dict[str, Any] = {"stack": STACK, "event": False}


def client(service: str) -> Any:
    make: Any = boto3.client
    return make(service)


@dataclass
class Tools(DockerAndSam):
    """Docker and SAM CLI as far as AWS sees them: images in ECR, change sets in CloudFormation.

    built_for: an image's architecture, by its name. fault: what the next step of a name raises.
    """

    built_for: dict[str, str] = field(default_factory=dict)
    faults: dict[str, Exception] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    templates: list[dict[str, Any]] = field(default_factory=list)
    given: list[dict[str, str]] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    layers: str = "one"

    def _step(self, name: str) -> None:
        if name in self.faults:
            raise self.faults.pop(name)
        self.done.append(name)

    def require(self) -> None:
        self._step("require")

    def machine(self) -> str:
        return "x86_64"

    def architecture(self, image: str) -> str:
        return self.built_for[image]

    def build(self, architecture: str, target: str) -> str:
        self._step("build")
        self.targets.append(target)
        self.built_for["built"] = architecture
        return "built"

    def prove(self, image: str, chosen: Chosen, values: Mapping[str, str]) -> None:
        assert (chosen.folder / "MLmodel").is_file()
        self._step("prove")

    def prove_join(self, image: str, name: str, values: Mapping[str, str]) -> None:
        assert values["Join"]
        self._step("prove")

    def push(self, image: str, login: Login) -> str:
        self._step("push")
        assert login.user == "AWS"
        kind = "application/vnd.docker.distribution.manifest.v2+json"
        manifest = {"schemaVersion": 2, "mediaType": kind, "layers": [{"digest": self.layers}]}
        ecr, name = client("ecr"), login.uri.partition("/")[2]
        try:
            put = ecr.put_image(repositoryName=name, imageManifest=json.dumps(manifest), imageTag=self.layers)
            digest = put["image"]["imageId"]["imageDigest"]
        except ecr.exceptions.ImageAlreadyExistsException:
            [found] = ecr.describe_images(repositoryName=name, imageIds=[{"imageTag": self.layers}])[
                "imageDetails"
            ]
            digest = found["imageDigest"]
        return f"{login.uri}@{digest}"

    def deploy(self, template: str, answers: Answers, values: Mapping[str, str], repository: str) -> None:
        self._step("deploy")
        self.templates.append(json.loads(template))
        self.given.append(dict(values))
        cloudformation = client("cloudformation")
        there = [
            one["StackName"]
            for one in cloudformation.list_stacks()["StackSummaries"]
            if one["StackStatus"] not in ("DELETE_COMPLETE", "REVIEW_IN_PROGRESS")
        ]
        made = cloudformation.create_change_set(
            StackName=answers.stack,
            ChangeSetName="one",
            ChangeSetType="UPDATE" if answers.stack in there else "CREATE",
            TemplateBody=template,
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()],
        )
        if cloudformation.describe_change_set(ChangeSetName=made["Id"])["Status"] != "FAILED":
            cloudformation.execute_change_set(ChangeSetName=made["Id"])
        if "end" in self.faults:
            raise DeploymentFailed("SAM CLI ended with status 1")


@dataclass
class Lab:
    """A user's checkout and account. consumer: the deployed mapping and function, played here."""

    cloud: Cloud
    folder: Path
    local: Path
    tools: Tools = field(default_factory=Tools)
    consumer: ExitStack = field(default_factory=ExitStack)
    asked: list[str] = field(default_factory=list)
    said: io.StringIO = field(default_factory=io.StringIO)
    agrees: bool = True

    @property
    def console(self) -> Console:
        return Console(file=self.said, width=200, highlight=False)

    @property
    def answers_file(self) -> Path:
        return self.folder / "samconfig.toml"

    def deploy(self, ask: Any = None, **options: Any) -> Stack:
        given = Options(**{**NO_EVENT, **options})
        return deploy(given, self.tools, self.console, self.local, ask, self.confirm, self.answers_file)

    def rollback(self, **options: Any) -> Stack:
        given = Options(**{**NO_EVENT, **options})
        return rollback(given, self.tools, self.console, self.confirm, self.answers_file)

    def destroy(self, answer: str = STACK, **options: Any) -> None:
        def typed(question: str) -> str:
            self.asked.append(question)
            return answer

        given = Options(**{"stack": STACK} | options)
        destroy(given, self.tools, self.console, typed, self.answers_file, look_seconds=0.0)

    def confirm(self, question: str) -> bool:
        self.asked.append(question)
        return self.agrees

    def function(self, stack: str = STACK) -> str:
        """The name of a stack's function."""
        [found] = client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
        return str({one["OutputKey"]: one["OutputValue"] for one in found["Outputs"]}["FunctionName"])

    def variables(self, stack: str = STACK) -> dict[str, str]:
        """The deployed function's environment."""
        configuration = client("lambda").get_function_configuration(FunctionName=self.function(stack))
        return dict(configuration["Environment"]["Variables"])

    def mapping(self, stack: str = STACK) -> dict[str, Any]:
        """The mapping that calls it."""
        mappings = client("lambda").list_event_source_mappings()["EventSourceMappings"]
        name = self.function(stack)
        [found] = [one for one in mappings if one["FunctionArn"].rpartition(":")[2] == name]
        return dict(found)

    def consume(self, stack: str = STACK) -> None:
        """What the deployed mapping and function do, with their deployed settings, until the test ends."""
        mapping = self.mapping(stack)
        settings = from_event({"Stream": mapping["EventSourceArn"], "StartingPosition": "TRIM_HORIZON"})
        handler = model.build(from_environment(Settings, self.variables(stack)))
        function = InProcessFunction(handler, 60)
        stream = settings_stream(mapping)
        self.consumer.enter_context(
            EventSourceMapping(
                client("kinesis"),
                stream,
                function.invoke,
                replace(settings, enabled=True),
                clients=Clients(client("s3")),
            )
        )


def settings_stream(mapping: Mapping[str, Any]) -> str:
    """The name of the stream that a mapping reads."""
    return str(mapping["EventSourceArn"]).rpartition("/")[2]
