"""What `threeways invoke` does: one event through the image. Shows the answer, and what landed where."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console

from threeways.aws.kinesis import read_all
from threeways.local_run import sam_local
from threeways.local_run.provision import Provisioned
from threeways.stream.quarantine import read

SHOWN = 2_000
"""Characters of an answer: with RETURN_PREDICTIONS it may have millions."""


def invoke(event: str, image: str, console: Console, log: Console) -> bool:
    """Invoke the image with an event, by name or in a file; whether the answer is one that a mapping can use.

    console: gets the answer and what landed. log: what is done. Raises UsageError, EngineError.
    """
    body = sam_local.event(event)
    with sam_local.prepared(image, log) as (up, template):
        path = template.with_suffix(".event")
        path.write_bytes(body)
        function = up.stack.function.logical_id
        command = sam_local.sam_command("invoke", template, up, function, "--event", str(path))
        try:
            said = sam_local.run_sam(command, sam_local.environment(up))
        finally:
            path.unlink()
        return show(event, said, up, console)


def show(name: str, said: bytes, up: Provisioned, console: Console) -> bool:
    """Print the answer and what landed; whether the answer is one that a mapping can use."""

    def tell(line: str) -> None:
        console.out(line, highlight=False)

    tell(f"EVENT={name}: {said.decode(errors='replace').strip()[:SHOWN] or 'no answer'}")
    variables = up.stack.function.environment
    for data in read_all(up.emulator.client("kinesis"), variables["PREDICTIONS_STREAM_NAME"]):
        tell(f"  predicted   {data.decode()}")
    for _, entry in read(up.emulator.client("s3"), variables["QUARANTINE_LOCATION"]):
        tell(f"  quarantined {entry.source_event_id} {entry.code}: {entry.message}")
    fault = fault_of(said)
    tell(f"invoke: {fault or 'answered'}")
    return fault is None


def fault_of(said: bytes) -> str | None:
    """Tell what is wrong with an answer: `sam local invoke` ends with status 0 whatever the function did.

    docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
    """
    try:
        answer: Any = json.loads(said)
    except ValueError:
        return "FAILED, for the function gave no answer"
    if not isinstance(answer, dict) or not isinstance(answer.get("batchItemFailures"), list):
        if isinstance(answer, dict) and "errorType" in answer:
            return f"FAILED, for the function raised {answer['errorType']}: {answer.get('errorMessage')}"
        return "FAILED, for that is no answer to a batch"
    unfinished = len(answer["batchItemFailures"])
    return (
        f"FAILED, for the batch is unfinished from {answer['batchItemFailures'][0]}" if unfinished else None
    )
