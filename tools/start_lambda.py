"""The image as an endpoint for any AWS SDK: `make start-lambda`. Until Ctrl-C.

docs.aws.amazon.com/serverless-application-model/latest/developerguide/using-sam-cli-local-start-lambda.html
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys

import engine
import sam_local  # sets the path to the package
from rich.console import Console

from threeways.errors import UsageError

HOW = """\
Invoke it, in another terminal:
  aws lambda invoke --function-name {function} --region {region} --no-sign-request \\
    --endpoint-url http://127.0.0.1:{port} --cli-binary-format raw-in-base64-out \\
    --payload file://tests/events/kinesis-mixed.json /dev/stdout
Ctrl-C ends it."""


def main() -> int:
    """0 after Ctrl-C; 1 where SAM CLI ended by itself; 2 where it could not be started."""
    parser = argparse.ArgumentParser(description="Serve the image as Lambda does, under SAM CLI.")
    parser.add_argument("--image", default="three-ways")
    parser.add_argument("--port", type=int, default=3001)
    given = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell has put it into the background
        signal.signal(number, signal.default_int_handler)
    console = Console(stderr=True, highlight=False)
    try:
        with sam_local.prepared(given.image, console) as (up, template):
            more = ("--host", "127.0.0.1", "--port", str(given.port), "--warm-containers", "LAZY")
            command = sam_local.sam_command("start-lambda", template, up, *more)
            function = up.stack.function.logical_id
            print(HOW.format(function=function, region=up.emulator.region, port=given.port), flush=True)
            with subprocess.Popen(command, env=sam_local.environment(up)) as process:  # noqa: S603 - SAM CLI
                try:
                    process.wait()
                except KeyboardInterrupt:
                    process.send_signal(
                        signal.SIGINT
                    )  # it removes its containers; a Ctrl-C reached it already
                    process.wait()
                    return 0
            print(
                f"error: SAM CLI ended with status {process.returncode}; is port {given.port} free?",
                file=sys.stderr,
            )
            return 1
    except (UsageError, engine.EngineError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
