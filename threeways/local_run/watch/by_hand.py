"""Put an event by hand onto a run's input stream, as a backend would, with the web service's own estimate."""

from __future__ import annotations

import http.client
import json
import os
import re
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from threading import Lock, Thread
from typing import Any, Self

from threeways import project
from threeways.aws.errors import named
from threeways.emulator.child import Child, bare_environment
from threeways.emulator.endpoint import client_of
from threeways.errors import LocalError
from threeways.local_run.watch.snapshot import ByHand, Snapshot, note_by_hand

SECONDS = 10.0
_SERVING = re.compile(r"serving on http://127\.0\.0\.1:(\d+) ")


class WebService:
    """The web service with the first consumer's model, in a process of its own: the estimate at booking.

    A context manager. It starts when `serve` is called, and again for another model.
    """

    def __init__(self) -> None:
        self._variables: Mapping[str, str] | None = None
        self._child: Child | None = None
        self._port: int | None = None
        self._said = ""
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def serve(self, variables: Mapping[str, str]) -> None:
        """Start it for a model, in the background; nothing if it serves that one already."""
        with self._lock:
            if variables == self._variables:
                return
            self._end()
            self._variables = dict(variables)
            search = os.pathsep.join(filter(None, (str(project.ROOT), variables.get("PYTHONPATH"))))
            environment = {**bare_environment(), **variables, "PYTHONPATH": search, "WEB_PORT": "0"}
            child = self._child = Child(str(project.ROOT / "web_service.py"), [], environment)
            Thread(target=self._follow, args=(child,), name="estimate-log", daemon=True).start()

    def _follow(self, child: Child) -> None:
        """Read its log to the end, which keeps the pipe from filling up."""
        for line in child.output:
            text = line.decode(errors="replace")
            found = _SERVING.search(text)
            if child is self._child:
                self._port = int(found[1]) if found else self._port
                self._said = text.strip()[-300:]

    def _end(self) -> None:
        if self._child is not None:
            self._child.kill()
        self._child, self._port = None, None

    def ask(self, event: bytes) -> dict[str, Any]:
        """Return what `POST /predict` answers, or `{"detail": …}` where it can't be asked."""
        if self._port is None:
            ended = self._child is not None and self._child.exit_status is not None
            return {
                "detail": f"the web service ended: {self._said}" if ended else "the web service is starting"
            }
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=SECONDS)
        try:
            connection.request("POST", "/predict", event, {"Content-Type": "application/json"})
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
        except (OSError, ValueError, http.client.HTTPException) as error:
            return {"detail": f"the web service can't be asked: {error}"}
        finally:
            connection.close()
        return answer


def put(folder: Path, run: Snapshot, text: bytes) -> ByHand:
    """Put an event on the run's input stream. Raises LocalError with what is wrong with it or with the run.

    text: the event as JSON; it gets an id where it has none.
    """
    try:
        event = json.loads(text)
    except ValueError as error:
        raise LocalError(f"that is no JSON: {error}") from None
    if not isinstance(event, dict):
        raise LocalError("an event is a JSON object, {…}")
    if run.ended:
        raise LocalError("the run has ended: start another, make run RATE=50")
    own_id = event.setdefault(run.id_name, f"by-hand-{secrets.token_hex(3)}")
    data, at = json.dumps(event, ensure_ascii=False).encode(), time.time()
    with named(lambda error: LocalError(f"the event can't be put on {run.input_stream}: {error}")):
        kinesis = client_of("kinesis", run.endpoint, run.region, attempts=1, read_timeout=SECONDS)
        answer = kinesis.put_record(StreamName=run.input_stream, Data=data, PartitionKey=str(own_id))
    made = ByHand(f"{answer['ShardId']}:{answer['SequenceNumber']}", str(own_id), at, event)
    note_by_hand(folder, made)
    return made
