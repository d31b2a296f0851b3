from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from threeways.emulator.child import Child, bare_environment
from threeways.emulator.function import LocalFunction, Runtime
from threeways.emulator.function.config import FunctionConfig
from threeways.errors import LocalError

OWNER = """
import sys, time
from pathlib import Path
from threeways.emulator.function import LocalFunction, Runtime
from threeways.emulator.function.config import FunctionConfig
config = FunctionConfig("F", "f", "slow.handler", 600, 128, {}, Path(sys.argv[1]), "arn")
with LocalFunction(config, environment={}, runtime=Runtime(sys.argv[2])) as function:
    function.warm()
    print(function.pids()[0], flush=True)
    function.invoke(b"{}")
"""
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("runtime", sorted({Runtime.available(), Runtime.STAND_IN}))
def test_a_busy_function_and_what_it_started_die_with_an_owner_that_is_killed(
    runtime: Runtime, tmp_path: Path, eventually: Callable[..., None], all_die: Callable[..., None]
) -> None:
    (tmp_path / "slow.py").write_text(
        "import pathlib, subprocess\n"
        "def handler(event, context):\n"
        "    child = subprocess.Popen(['sleep', '600'])\n"
        "    pathlib.Path('child.tmp').write_text(str(child.pid))\n"
        "    pathlib.Path('child.tmp').rename('child')\n"
        "    child.wait()\n"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path), runtime], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert owner.stdout is not None
    with owner.stdout:
        pids = [int(owner.stdout.readline())]
        eventually((tmp_path / "child").exists)
        pids.append(int((tmp_path / "child").read_text()))
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    all_die(*pids)


def test_a_child_starts_with_nothing_of_the_launcher_on_its_path(tmp_path: Path) -> None:
    (tmp_path / "show.py").write_text("import sys; print(sys.path, sys.argv[1:], __name__)")
    child = Child(str(tmp_path / "show.py"), ["one"], bare_environment())
    with child.output as output:
        said = output.read().decode()
    child.kill()
    assert "threeways/local" not in said
    assert said.rstrip().endswith("['one'] __main__")
    assert child.exit_status == 0


def test_killing_a_child_twice_is_the_same_as_once(tmp_path: Path) -> None:
    (tmp_path / "wait.py").write_text("import time; print('up', flush=True); time.sleep(600)")
    child = Child(str(tmp_path / "wait.py"), [], bare_environment())
    with child.output as output:
        assert output.readline() == b"up\n"
        assert child.wait(0.01) is None
        child.kill()
        child.kill()
    assert child.exit_status == -signal.SIGKILL


def test_a_function_without_its_code_or_without_concurrency_is_refused(
    function_config: Callable[..., FunctionConfig], tmp_path: Path
) -> None:
    config = function_config("")
    with pytest.raises(LocalError, match="concurrency"):
        LocalFunction(config, environment={}, concurrency=0)
    elsewhere = FunctionConfig("F", "f", "a.b", 1, 128, {}, tmp_path / "nowhere", "arn")
    with pytest.raises(LocalError, match="no folder"):
        LocalFunction(elsewhere, environment={})
