"""Writes a CycloneDX SBOM of each image, `sbom/<target>.cdx.json`: `make sbom`.

Of the packages that the lock puts into the image, less what `strip_packages.py` takes out, with their
licences: cyclonedx-py reads `.venv`, which is made from the same lock. They are reproducible, and in the
repository; a test holds them against the lock. What AWS's base image holds is not in them. cyclonedx.org
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

from setup_tool import venv_of
from setup_venv import PYTHON, ROOT, say
from strip_packages import NOT_OF, PACKAGES

FOLDER = ROOT / "sbom"
TARGETS = {
    "fast": ("default",),
    "function": ("default", "sklearn"),
    "frame": ("default", "sklearn", "frame"),
    "web": ("default", "sklearn", "web"),
    "batch": ("default", "sklearn", "batch"),
    "join": ("default",),
}
"""Image -> the sections of the lock that the Dockerfile installs for it."""
VALIDATE = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
sys.exit(str(JsonStrictValidator(SchemaVersion.V1_6).validate_str(sys.stdin.read()) or "") or None)
"""


def main() -> int:
    """Write each; 0, or 1 where `.venv` is not of the lock or a document is invalid."""
    tool = venv_of("audit") / "bin"
    command = [str(tool / "cyclonedx-py"), "environment", str(PYTHON), "--output-reproducible", "--sv", "1.6"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    if done.returncode:
        say(f"cyclonedx-py: {done.stderr.strip()}")
        return 1
    found, lock = json.loads(done.stdout), json.loads((ROOT / "Pipfile.lock").read_text())
    FOLDER.mkdir(exist_ok=True)
    for target in TARGETS:
        wanted = packages(lock, target)
        made = of_target(found, target, wanted)
        missing = wanted.keys() - {name_of(one) for one in made["components"]}
        if missing:
            say(f".venv is not of Pipfile.lock, it lacks {', '.join(sorted(missing))}: make setup")
            return 1
        text = json.dumps(made, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        said = subprocess.run(  # noqa: S603 - ours
            [str(tool / "python"), "-c", VALIDATE], input=text, capture_output=True, text=True, check=False
        )
        if said.returncode:
            say(f"{target}: no CycloneDX document: {said.stderr.strip()}")
            return 1
        (FOLDER / f"{target}.cdx.json").write_text(text, encoding="utf-8")
        say(f"sbom/{target}.cdx.json: {len(wanted)} packages")
    return 0


def packages(lock: dict[str, Any], target: str) -> dict[str, str]:
    """Return the packages of an image with their versions, by normalized name."""
    entries = {normal(name): one for section in TARGETS[target] for name, one in lock[section].items()}
    stripped = {*PACKAGES, *NOT_OF.get(target, ())}
    return {name: one["version"].removeprefix("==") for name, one in entries.items() if name not in stripped}


def of_target(found: dict[str, Any], target: str, wanted: dict[str, str]) -> dict[str, Any]:
    """Return the part of an environment's document that is of an image, in the image's versions.

    pyarrow's is another in `.venv`, where MLflow has a say.
    """
    named = {name_of(one): one for one in found["components"]}
    refs = {named[name]["bom-ref"]: f"{name}=={version}" for name, version in wanted.items() if name in named}
    components = [
        {
            **named[name],
            "bom-ref": f"{name}=={version}",
            "version": version,
            "purl": f"pkg:pypi/{name}@{version}",
        }
        for name, version in sorted(wanted.items())
        if name in named
    ]
    image = {"type": "container", "name": f"three-ways-{target}", "bom-ref": target}
    depends = [
        {
            "ref": refs[one["ref"]],
            "dependsOn": sorted(refs[ref] for ref in one.get("dependsOn", []) if ref in refs),
        }
        for one in found.get("dependencies", [])
        if one["ref"] in refs
    ]
    metadata = {name: value for name, value in found["metadata"].items() if name == "tools"}
    made = {
        **found,
        "metadata": {**metadata, "component": image},
        "components": components,
        "dependencies": [{"ref": target, "dependsOn": sorted(refs.values())}, *depends],
    }
    without: dict[str, Any] = _without_addresses(made)
    return without


def _without_addresses(value: Any) -> Any:
    """Leave out addresses, which name each package's homepage and index: its purl identifies it."""
    if isinstance(value, dict):
        return {name: _without_addresses(one) for name, one in value.items() if name != "externalReferences"}
    return [_without_addresses(one) for one in value] if isinstance(value, list) else value


def name_of(component: dict[str, Any]) -> str:
    """Return a component's normalized name."""
    return normal(component["name"])


def normal(name: str) -> str:
    """Normalize a package's name: packaging.python.org/en/latest/specifications/name-normalization."""
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main())
