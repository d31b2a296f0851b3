"""What `threeways start-lambda` does: the image as an endpoint for any AWS SDK, until Ctrl-C.

docs.aws.amazon.com/serverless-application-model/latest/developerguide/using-sam-cli-local-start-lambda.html
"""

from __future__ import annotations

import signal
import subprocess

from rich.console import Console

from threeways.errors import LocalFailed
from threeways.local_run import sam_local

HOW = """\
Invoke it, in another terminal:
  aws lambda invoke --function-name {function} --region {region} --no-sign-request \\
    --endpoint-url http://127.0.0.1:{port} --cli-binary-format raw-in-base64-out \\
    --payload file://tests/events/kinesis-mixed.json /dev/stdout
Ctrl-C ends it."""


def start_lambda(image: str, port: int, console: Console, log: Console) -> None:
    """Serve the image as Lambda does until Ctrl-C, SIGINT or SIGTERM.

    console: gets the command that invokes it. log: what is done. Raises UsageError where it cannot start,
    LocalFailed where SAM CLI ends by itself.
    """
    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell has put it into the background
        signal.signal(number, signal.default_int_handler)
    with sam_local.prepared(image, log) as (up, template):
        more = ("--host", "127.0.0.1", "--port", str(port), "--warm-containers", "LAZY")
        command = sam_local.sam_command("start-lambda", template, up, *more)
        how = HOW.format(function=up.stack.function.logical_id, region=up.emulator.region, port=port)
        console.print(how, markup=False, highlight=False, soft_wrap=True)
        with subprocess.Popen(command, env=sam_local.environment(up)) as process:  # noqa: S603 - SAM CLI
            try:
                process.wait()
            except KeyboardInterrupt:
                process.send_signal(signal.SIGINT)  # it removes its containers; a Ctrl-C reached it already
                process.wait()
                return
        raise LocalFailed(f"SAM CLI ended with status {process.returncode}; is port {port} free?")
