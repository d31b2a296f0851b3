"""One event through the image: `make invoke EVENT=mixed`. Shows the answer, and what landed where."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

import engine
import sam_local  # sets the path to the package
from rich.console import Console

from threeways.aws.kinesis import read_all
from threeways.errors import UsageError
from threeways.local_run.provision import Ground
from threeways.stream.quarantine import read

SHOWN = 2_000
"""Characters of an answer: with RETURN_PREDICTIONS it may have millions."""


def main() -> int:
    """0: the function answered as an event source mapping wants; 1: it did not; 2: not tried."""
    parser = argparse.ArgumentParser(description="Invoke the image with an event, under SAM CLI.")
    parser.add_argument("--event", default="mixed")
    parser.add_argument("--image", default="three-ways")
    given = parser.parse_args()
    console = Console(stderr=True, highlight=False)
    try:
        body = sam_local.event(given.event)
        with sam_local.prepared(given.image, console) as (up, template):
            path = template.with_suffix(".event")
            path.write_bytes(body)
            function = up.stack.function.logical_id
            command = sam_local.sam_command("invoke", template, up, function, "--event", str(path))
            try:
                said = sam_local.run_sam(command, sam_local.environment(up))
            finally:
                path.unlink()
            return show(given.event, said, up)
    except (UsageError, engine.EngineError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def show(name: str, said: bytes, up: Ground) -> int:
    """Print the answer and what landed; 0 where the answer is one that a mapping can use."""
    print(f"EVENT={name}: {said.decode(errors='replace').strip()[:SHOWN] or 'no answer'}")
    variables = up.stack.function.environment
    for data in read_all(up.emulator.client("kinesis"), variables["PREDICTIONS_STREAM_NAME"]):
        print(f"  predicted   {data.decode()}")
    for _, entry in read(up.emulator.client("s3"), variables["QUARANTINE_LOCATION"]):
        print(f"  quarantined {entry.source_event_id} {entry.code}: {entry.message}")
    fault = fault_of(said)
    print(f"invoke: {fault or 'answered'}")
    return 1 if fault else 0


def fault_of(said: bytes) -> str | None:
    """What is wrong with an answer: `sam local invoke` ends with status 0 whatever the function did.

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


if __name__ == "__main__":
    sys.exit(main())
