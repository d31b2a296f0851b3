"""`make deploy`, `make rollback`, `make destroy`: the commands, with Docker and SAM CLI behind them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import engine
import sam_local  # sets the path to the package
from deploy_tools import DockerAndSam
from rich.console import Console

from threeways.errors import DeploymentError, ThreewaysError, UsageError
from threeways.ops.deploy.changes import Options
from threeways.ops.deploy.deploy import deploy
from threeways.ops.deploy.destroy import destroy
from threeways.ops.deploy.rollback import rollback

INTERRUPTED = "interrupted: what CloudFormation has begun it goes on with; look before you deploy again"


def main(arguments: list[str]) -> int:
    """0: done. 1: begun, and not well ended. 2: refused before anything was changed. 130: interrupted."""
    given = _parser().parse_args(arguments)
    command = given.command
    del given.command
    options = Options(**vars(given))
    console = Console(highlight=False)
    try:
        _run(command, options, console)
    except (engine.EngineError, UsageError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except ThreewaysError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(INTERRUPTED, file=sys.stderr)
        return 130
    return 0


def _run(command: str, options: Options, console: Console) -> None:
    tools = DockerAndSam(sam_local.LOCAL / "deploy", console)
    if command == "deploy":
        asking = _ask if sys.stdin.isatty() else None
        deploy(options, tools, console, Path(sam_local.LOCAL), asking, _confirmed)
    elif command == "rollback":
        rollback(options, tools, console, _confirmed)
    else:
        destroy(options, tools, console, _typed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="The stack of template.yaml in an AWS account.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("deploy", "rollback", "destroy"):
        one = commands.add_parser(name)
        one.add_argument("--stack")
        one.add_argument("--region")
        one.add_argument("--yes", action="store_true", help="do not ask")
        if name != "destroy":
            one.add_argument("--no-ride", dest="ride", action="store_false", help="send none through")
        if name == "rollback":
            one.add_argument("--to", help="a deployment's id; default: the one before")
        if name == "deploy":
            one.add_argument(
                "--model", help="models:/name@alias, a folder or s3://…; default: the registered one"
            )
            one.add_argument("--parameters", default="", help="Name=value, with spaces between several")
            one.add_argument("--image", help="one that is built; default: build it")
            one.add_argument("--repository", help="an ECR repository's URI; default: the stack's own")
            one.add_argument("--at-once", action="store_true", help="the new version takes over in one step")
    return parser


def _ask(question: str, default: str) -> str:
    return input(f"{question} [{default}]: ")


def _confirmed(question: str) -> bool:
    _require_terminal()
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")


def _typed(question: str) -> str:
    _require_terminal()
    return input(f"{question} ")


def _require_terminal() -> None:
    """Raises DeploymentError where there is nobody to ask."""
    if not sys.stdin.isatty():
        raise DeploymentError("without a terminal to ask on it has to be said beforehand: YES=1")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
