r"""Promote a model when MLflow's registry gets an alias: a webhook's receiver.

MLflow 3 calls it when a person or a pipeline sets the alias `candidate` of a registered model
(mlflow.org/docs/latest/ml/webhooks/, event `model_version_alias.created`; registries in a database only). The
version goes through the gate of `make promote`; where it passes, it serves wherever the pointer is followed.

    WEBHOOK_SECRET=… POINTER=s3://bucket/champion.json EVENTS=march.parquet ACTUAL=… PORT=8400 \
        MLFLOW_TRACKING_URI=https://mlflow.example .venv/bin/python examples/promote_on_alias.py

and, once, with the receiver behind TLS:

    mlflow.MlflowClient().create_webhook(name="promote", url="https://…/", secret="…",
                                         events=["model_version_alias.created"])

What is not signed with the secret, is older than five minutes or has come before is refused: whoever may post
here decides what serves.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import queue
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ALIAS = os.environ.get("WATCHED_ALIAS", "candidate")
"""Not the alias that a promotion sets itself, `champion`: that would call this again."""
OLD_SECONDS, MOST_BYTES, REMEMBERED = 300, 2**16, 10_000

type Promote = Callable[[str], None]
"""Promotes `models:/name/version`."""


class Refused(Exception):
    """A request that is not followed. status: HTTP's."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def model_of(headers: Mapping[str, str], body: bytes, secret: str, now: float) -> str | None:
    """Return the model that a genuine delivery is about, None where it is of no concern. Raises Refused."""
    delivery, at = headers.get("X-MLflow-Delivery-Id", ""), headers.get("X-MLflow-Timestamp", "")
    signed = b".".join([delivery.encode(), at.encode(), body])
    digest = base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()
    if not hmac.compare_digest(f"v1,{digest}".encode(), headers.get("X-MLflow-Signature", "").encode()):
        raise Refused(401, "the signature is not the secret's")
    if not at.isdecimal() or abs(now - int(at)) > OLD_SECONDS:
        raise Refused(401, f"it was sent more than {OLD_SECONDS} seconds ago")
    told = json.loads(body)
    if (told.get("entity"), told.get("action")) != ("model_version_alias", "created"):
        return None
    data = told["data"]
    if data["alias"] != ALIAS:
        return None
    if not str(data["version"]).isdecimal():
        raise Refused(400, "it names no version")
    return f"models:/{data['name']}/{data['version']}"


class Receiver(ThreadingHTTPServer):
    """Takes deliveries, and promotes one model after the other. The gate takes longer than MLflow waits."""

    daemon_threads = True

    def __init__(self, port: int, secret: str, promote: Promote) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.secret, self._promote = secret, promote
        self.waiting: queue.Queue[str] = queue.Queue(100)
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()
        threading.Thread(target=self._work, daemon=True).start()

    def is_new(self, delivery: str) -> bool:
        """Whether a delivery comes for the first time: MLflow repeats what was not answered in time."""
        with self._lock:
            if delivery in self._seen:
                return False
            self._seen[delivery] = None
            while len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
            return True

    def _work(self) -> None:
        while True:
            model = self.waiting.get()
            try:
                self._promote(model)
                print(f"{model} serves", flush=True)
            except Exception as error:  # noqa: BLE001 - the next one is tried all the same
                print(f"{model} does not: {error}", file=sys.stderr, flush=True)
            finally:
                self.waiting.task_done()


class Handler(BaseHTTPRequestHandler):
    """Answers a delivery: 202 it is being tried, 200 it is of no concern."""

    server: Receiver
    timeout = 10

    def do_POST(self) -> None:
        try:
            status, said = self._taken()
        except Refused as error:
            status, said = error.status, str(error)
        except (ValueError, KeyError, TypeError, AttributeError):
            status, said = 400, "it is no delivery of MLflow's"
        self.send_response(status)
        self.end_headers()
        self.wfile.write(said.encode())

    def _taken(self) -> tuple[int, str]:
        length = int(self.headers.get("Content-Length") or -1)
        if not 0 <= length <= MOST_BYTES:
            raise Refused(413, "it is too large, or does not say how large it is")
        body = self.rfile.read(length)
        model = model_of(self.headers, body, self.server.secret, time.time())
        if model is None:
            return 200, "it is of no concern here"
        if not self.server.is_new(self.headers["X-MLflow-Delivery-Id"]):
            return 200, "it has come before"
        try:
            self.server.waiting.put_nowait(model)
        except queue.Full:
            raise Refused(503, "too many are waiting") from None
        return 202, f"{model} is being tried"

    def log_message(self, *_: object) -> None:
        """Write no line for each request."""


def promoted(model: str) -> None:
    """Promote a model as `make promote` does, on the window that EVENTS and ACTUAL name."""
    from threeways.local_run.event_rows import ColumnNames
    from threeways.local_run.events import Source, load
    from threeways.ops.promote import Request, promote

    events = os.environ.get("EVENTS")
    source = Source(events, 0, ColumnNames(os.environ.get("ACTUAL")))
    request = Request(model=model, pointer=os.environ["POINTER"], by=f"the alias {ALIAS}")
    promote(request, (lambda task: load(source, task, print)) if events else None, Path(".local"))


def main() -> None:
    secret = os.environ.get("WEBHOOK_SECRET", "")
    if len(secret) < 16 or not os.environ.get("POINTER"):
        sys.exit("set POINTER, and WEBHOOK_SECRET to 16 characters or more, the same that MLflow has")
    with Receiver(int(os.environ.get("PORT", "8400")), secret, promoted) as receiver:
        print(f"listening on http://127.0.0.1:{receiver.server_port}", flush=True)
        receiver.serve_forever()


if __name__ == "__main__":
    main()
