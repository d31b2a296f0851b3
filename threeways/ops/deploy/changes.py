"""What a deployment is going to do, and everything that must hold before it begins."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from threeways.errors import UsageError
from threeways.ops import account
from threeways.ops.deploy import answers as kept
from threeways.ops.deploy import model as models
from threeways.ops.deploy import parameters, repository, runtime, streams
from threeways.ops.deploy.answers import Answers, Ask
from threeways.ops.deploy.model import Chosen
from threeways.ops.deploy.repository import Login
from threeways.ops.deploy.stack import Client, Stack, look, require_quiet, require_usable


@dataclass(frozen=True)
class Options:
    """What the user gave with the command; None and "" where nothing.

    parameters: `Name=value` words. image: one that is built. to: the deployment to go back to. at_once: the
    new version takes over in one step. yes: do not ask. event: send one through afterwards.
    """

    stack: str | None = None
    region: str | None = None
    model: str | None = None
    parameters: str = ""
    image: str | None = None
    repository: str | None = None
    to: str | None = None
    at_once: bool = False
    yes: bool = False
    event: bool = True


class Tools(Protocol):
    """Docker and SAM CLI. Each raises an error that says how to mend it."""

    def require(self) -> None:
        """Require that both are there."""

    def machine(self) -> str:
        """Return the architecture of this machine's engine, as Lambda calls it."""

    def architecture(self, image: str) -> str:
        """Return what an image was built for, as Lambda calls it."""

    def build(self, architecture: str, target: str) -> str:
        """Build the function's image, a target of the Dockerfile; its name here."""

    def prove(self, image: str, chosen: Chosen, values: Mapping[str, str]) -> None:
        """Have the image load the model, with the function's runtime and memory, as Lambda will."""

    def push(self, image: str, login: Login) -> str:
        """Push it; its URI by digest."""

    def deploy(self, template: str, answers: Answers, values: Mapping[str, str], repository: str) -> None:
        """Make the stack what the template says. Raises DeploymentFailed."""


@dataclass(frozen=True)
class Plan:
    """What is to be done. values: of all parameters but the model's. client: for the stack's region."""

    answers: Answers
    document: parameters.Document
    stack: Stack | None
    values: Mapping[str, str]
    chosen: Chosen
    client: Client
    whose: str
    real: bool
    changes: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def is_first(self) -> bool:
        """Whether no version with a model was ever deployed: there is none to take over from."""
        return self.stack is None or not self.stack.parameters.get("ModelLocation")

    @property
    def target(self) -> str:
        """The Dockerfile's target that the function's image is built of."""
        return runtime.target(self.values[runtime.PARAMETER])


def settle(options: Options, file: Path, ask: Ask | None, tools: Tools) -> Answers:
    """Return the answers: given with the command, kept, or asked for. ask: None without a terminal."""
    found = kept.load(file)
    region = options.region or (found and found.region) or account.region() or ""
    if found is None and not options.stack:
        if ask is None:
            raise UsageError(
                f"there is no {file.name} yet, and no terminal to ask on: name the stack, STACK=, its "
                "region, REGION= or AWS_REGION, and what differs from the template's defaults, "
                "PARAMETERS='Name=value …'"
            )
        found = kept.guided(ask, region, tools.machine(), parameters.template())
        region = found.region
    base = found or Answers("", "")
    if options.stack and options.stack != base.stack:
        base = Answers("", "")  # another stack's answers are not this one's
    if options.repository:
        base = replace(base, repository=options.repository)
    return replace(
        base,
        stack=kept.check_stack(options.stack or base.stack),
        region=kept.check_region(region),
        parameters={**base.parameters, **parameters.given(options.parameters)},
    )


def clients(region: str) -> Client:
    """Clients for a region, one a service."""

    @functools.cache
    def client(service: str) -> Any:
        return account.client(service, region=region)

    return client


SERVICES = ("cloudformation", "s3", "ecr", "kinesis", "lambda", "cloudwatch")


def whose_account(client: Client) -> tuple[str, bool]:
    """Whose account is touched, for people, and whether it is a real one. Raises LocationError."""
    real = [made for made in map(client, SERVICES) if not account.is_here(made)]
    return account.whose(real[0] if real else client("cloudformation")), bool(real)


def make(options: Options, answers: Answers, local: Path) -> Plan:
    """Look at the account and check everything that can be checked without an image.

    Nothing is changed. Raises UsageError, LocationError, ArtifactError, ModelFailed.
    """
    document = parameters.template()
    parameters.check(document, answers.parameters)
    refused = sorted(set(answers.parameters) & set(parameters.OURS))
    if refused:
        raise UsageError(f"{', '.join(refused)} cannot be given: MODEL= names the model, and decides them")
    client = clients(answers.region)
    whose, real = whose_account(client)
    stack = look(answers.stack, client)
    values = {**parameters.defaults(document), **_present(stack), **answers.parameters}
    values = {name: value for name, value in values.items() if name in document["Parameters"]}
    parameters.check(document, values)
    streams.require_two(values, answers.parameters)
    if stack is not None:
        _check_stack(options, stack, client)
    streams.require_free(stack, values, client)
    streams.require_input(values, answers.region, client)
    if answers.repository:
        repository.check(answers.repository, answers.region)
        repository.require(answers.repository, client("ecr"))
    asked = runtime.asked(answers.parameters)
    found = models.find(options.model, local, values["Task"])
    chosen = models.check(found, values["Task"], asked, image=options.image)
    values[runtime.PARAMETER] = runtime.settled(answers.parameters, chosen)
    parameters.check(document, chosen.parameters("a-bucket"))
    before = _present(stack)
    changes = {
        name: (before[name], value)
        for name, value in values.items()
        if name in before and before[name] != value
    }
    return Plan(answers, document, stack, values, chosen, client, whose, real, changes)


def _present(stack: Stack | None) -> dict[str, str]:
    """Return the parameters that the stack has now, but for the model's."""
    if stack is None:
        return {}
    of_template = parameters.defaults(stack.template) if stack.template.get("Parameters") else {}
    now = {**stack.parameters}
    if "DeploymentType" in of_template:  # a first deployment overrides it, for once
        now["DeploymentType"] = of_template["DeploymentType"]
    return {name: value for name, value in now.items() if name not in parameters.OURS}


def _check_stack(options: Options, stack: Stack, client: Client) -> None:
    require_usable(stack)
    bucket = stack.output("ModelBucket")
    with account.named_faults(f"the stack's model bucket {bucket} is not there or not yours"):
        client("s3").head_bucket(Bucket=bucket)
    if not options.at_once:
        require_quiet(stack.name, client)
