"""Runs MLflow's page of runs and models: `make mlflow`, on 127.0.0.1, with its telemetry off.

Of MLFLOW_TRACKING_URI, else of this checkout's store. It asks for no password, so it listens on this machine
alone.
mlflow.org/docs/latest/community/usage-tracking.html
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from setup_venv import ROOT, say

sys.path.insert(0, str(ROOT))
OFF = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}


def command(environ: Mapping[str, str]) -> list[str]:
    """Return MLflow's command line. Raises ValueError for a PORT that is none."""
    port = int(environ.get("PORT") or 5000)
    return [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]


def main() -> int:
    """Serve until Ctrl-C; 2 where there is nothing to show or no such port."""
    from threeways.training.tracking import store_of

    store = store_of(folder=ROOT / ".local")
    if store.untouched:
        say("there is no run to show yet: make run, or make train")
        return 2
    if store.uri.startswith("http"):
        say("MLFLOW_TRACKING_URI names a server, which has that page itself: open it in a browser")
        return 2
    try:
        words = command(os.environ)
    except ValueError:
        say(f"PORT={os.environ['PORT']} is no port: give a number")
        return 2
    # The store's URI may hold a password: it goes by the environment, which other users do not see.
    given = {**OFF, "MLFLOW_BACKEND_STORE_URI": store.uri}
    return os.execve(words[0], words, os.environ | given)  # noqa: S606 - MLflow, in place of this process


if __name__ == "__main__":
    sys.exit(main())
