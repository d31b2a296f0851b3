"""The image under SAM CLI, with an emulator and a model: `make invoke`, `make start-lambda`.

`sam local` gets a template of one function, as the local template reader resolves `template.yaml`: the same
handler, memory, timeout and variables, and the image that `make image` built.
docs.aws.amazon.com/serverless-application-model/latest/developerguide/using-sam-cli-local-invoke.html and
using-sam-cli-local-start-lambda.html
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from threeways import project
from threeways.docker import engine, sam_cli
from threeways.docker.relay import relay
from threeways.emulator.function.config import FunctionConfig
from threeways.emulator.server import Emulator
from threeways.errors import LocalFailed, UsageError
from threeways.local_run.model_choice import choose
from threeways.local_run.provision import Provisioned, provisioned
from threeways.settings import LOCAL, Settings, from_environment, inherited_environment

EVENTS = project.ROOT / "tests" / "events"
GENERATED = "generated"
HOW = """\
Invoke it, in another terminal:
  aws lambda invoke --function-name {function} --region {region} --no-sign-request \\
    --endpoint-url http://127.0.0.1:{port} --cli-binary-format raw-in-base64-out \\
    --payload file://tests/events/kinesis-mixed.json /dev/stdout
Ctrl-C ends it."""


def recorded() -> list[str]:
    """Return the names of the recorded events."""
    return sorted(path.stem.removeprefix("kinesis-") for path in EVENTS.glob("kinesis-*.json"))


def event(name: str) -> bytes:
    """Return the event of a name, made by SAM CLI, or in a file. Raises UsageError."""
    if name == GENERATED:
        return run_sam([sam_cli.sam(), "local", "generate-event", "kinesis", "get-records"])
    path = EVENTS / f"kinesis-{name}.json" if name in recorded() else Path(name)
    try:
        body = path.read_bytes()
        json.loads(body)
    except OSError:
        raise UsageError(
            f"EVENT={name} is no event: give {', '.join(recorded())}, {GENERATED} (SAM's own) or a JSON file"
        ) from None
    except ValueError as error:
        raise UsageError(f"EVENT={name} is not JSON: {error}") from None
    return body


def template_of(function: FunctionConfig, image: str, endpoint: str, arch: str) -> dict[str, Any]:
    """Make a SAM template of a function alone, on an image for `arch`, led to an emulator's endpoint."""
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {
            function.logical_id: {
                "Type": "AWS::Serverless::Function",
                "Properties": {
                    "PackageType": "Image",
                    "ImageUri": image,
                    "ImageConfig": {"Command": [function.handler]},
                    "Architectures": ["arm64" if arch == "arm64" else "x86_64"],
                    "MemorySize": function.memory,
                    "Timeout": int(function.timeout),
                    "Environment": {"Variables": function.environment | {"AWS_ENDPOINT_URL": endpoint}},
                },
            }
        },
    }


def environment(up: Provisioned) -> dict[str, str]:
    """SAM CLI's own environment: dummy credentials, which it passes on, and no variable of the function's.

    A variable of the shell's would go before the template's, and lead the function elsewhere.
    """
    ours = {*up.stack.function.environment, *up.emulator.environment()}
    kept = {name: value for name, value in inherited_environment().items() if name not in ours}
    given = {name: value for name, value in up.emulator.environment().items() if name != "AWS_ENDPOINT_URL"}
    return kept | given | {"SAM_CLI_TELEMETRY": "0"}


def run_sam(command: list[str], env: dict[str, str] | None = None) -> bytes:
    """Return SAM CLI's standard output; its log and the function's go to ours. Raises UsageError."""
    done = subprocess.run(command, env=env, check=False, stdout=subprocess.PIPE)  # noqa: S603 - made here
    if done.returncode:
        raise UsageError(f"SAM CLI ended with status {done.returncode}; what it said is above")
    return done.stdout


@contextmanager
def prepared(image: str, console: Console) -> Iterator[tuple[Provisioned, Path]]:
    """Run an emulator with the model that the settings name and SAM CLI's template.

    Raises EngineError, UsageError.
    """
    sam_cli.require()
    engine.require()
    engine.require_runnable(image)
    settings = from_environment(Settings)
    model = choose(settings, console, LOCAL)
    with provisioned(Emulator(), model, settings=settings) as up, relay(up.emulator.endpoint_url) as endpoint:
        path = LOCAL.absolute() / "sam" / f"template-{os.getpid()}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        made = template_of(up.stack.function, image, endpoint, engine.architecture(image))
        path.write_text(json.dumps(made, indent=2))
        console.out(f"Up: streams, buckets and model {model.uri} at {up.emulator.endpoint_url}")
        try:
            yield up, path
        finally:
            path.unlink(missing_ok=True)


def sam_command(what: str, template: Path, up: Provisioned, *more: str) -> list[str]:
    """`sam local …`; its containers are on Docker's default bridge, with `--docker-network host`, too."""
    options = ["--template", str(template), "--skip-pull-image", "--region", up.emulator.region]
    return [sam_cli.sam(), "local", what, *more, *options]


def start_lambda(image: str, port: int, console: Console, log: Console) -> None:
    """Serve the image as Lambda does until Ctrl-C, SIGINT or SIGTERM.

    console: gets the command that invokes it. log: what is done. Raises UsageError where it cannot start,
    LocalFailed where SAM CLI ends by itself.
    """
    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell has put it into the background
        signal.signal(number, signal.default_int_handler)
    with prepared(image, log) as (up, template):
        more = ("--host", "127.0.0.1", "--port", str(port), "--warm-containers", "LAZY")
        command = sam_command("start-lambda", template, up, *more)
        how = HOW.format(function=up.stack.function.logical_id, region=up.emulator.region, port=port)
        console.out(how, highlight=False)
        with subprocess.Popen(command, env=environment(up)) as process:  # noqa: S603 - SAM CLI
            try:
                process.wait()
            except KeyboardInterrupt:
                process.send_signal(signal.SIGINT)  # it removes its containers; a Ctrl-C reached it already
                process.wait()
                return
        raise LocalFailed(f"SAM CLI ended with status {process.returncode}; is port {port} free?")
