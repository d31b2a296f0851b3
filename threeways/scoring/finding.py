"""Find what a variable names: by its short name in `threeways.systems`, or by a module of the user's own."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from threeways.errors import SettingsError

SYSTEMS = "threeways.systems"


@dataclass(frozen=True)
class Finder[Found]:
    """Finds tasks, joins and the like: objects that a module holds under one name.

    variable: such as TASK. attribute: the module's, such as `task`. kind: the object's class, which users
    import as `public`. ends: whether a short name ends with its module's: `ride_tip` may be in `tip.py`.
    """

    variable: str
    attribute: str
    kind: type[Found]
    public: str
    name_of: Callable[[Found], str]
    ends: bool = False

    def names(self) -> list[str]:
        """Return the short names that there are, sorted. Raises SettingsError for a broken one."""
        return sorted(self.name_of(self.of_module(module)) for module in self._modules("*"))

    def find(self, name: str) -> Found:
        """Return what has a short name, or what a module holds (`my_package.my_task`).

        Raises SettingsError: there is none, or two, or the module cannot be imported or holds none.
        """
        if "." in name:
            return self.of_module(name)
        words = name.split("_")
        files = ["_".join(words[start:]) for start in range(len(words))] if self.ends else ["*"]
        found = {module: self.of_module(module) for file in files for module in self._modules(file)}
        named = {module: one for module, one in found.items() if self.name_of(one) == name}
        if len(named) > 1:
            raise SettingsError(
                f"{self.variable}={name}: {' and '.join(named)} have this name; rename one, or give a "
                f"module's name as {self.variable}"
            )
        for one in named.values():
            return one
        own = (
            f"One of your own is named by its module, such as {self.variable}=my_package.my_{self.attribute}"
        )
        if name.isidentifier() and Path(f"{name}.py").is_file():
            own = (
                f"A module's name needs a dot: move {name}.py into a folder, such as my_package, and give "
                f"{self.variable}=my_package.{name}"
            )
        raise SettingsError(
            f"{self.variable}={name!r} is not a {self.attribute} here; there is "
            f"{', '.join(self.names()) or 'none'}. {own}"
        )

    def of_module(self, module: str) -> Found:
        """Return what a module holds. Raises SettingsError."""
        variable, attribute = self.variable, self.attribute
        try:
            found = getattr(importlib.import_module(module), attribute, None)
        except ModuleNotFoundError as error:
            if error.name is not None and f"{module}.".startswith(f"{error.name}."):
                raise SettingsError(
                    f"{variable}={module}: there is no module {error.name} here; install it, or start in its "
                    "folder"
                ) from None
            raise SettingsError(
                f"{variable}: {module} needs {error.name}, which is not installed here"
            ) from error
        except SettingsError:
            raise  # it says itself what to mend, such as a policy's file
        except Exception as error:
            raise SettingsError(f"{variable}: {module} cannot be imported: {error!r}; mend it") from error
        made = self.kind.__name__
        if found is None:
            raise SettingsError(
                f"{variable}: {module} holds no {attribute}; call its {made} so: {attribute} = {made}(…)"
            )
        if not isinstance(found, self.kind):
            raise SettingsError(
                f"{variable}: the {attribute} of {module} is no {self.public} but {type(found).__name__}"
            )
        return found

    def _modules(self, file: str) -> Iterator[str]:
        """Yield the systems' modules of this file name that hold one, by their text.

        They are not imported to see: others may need what is not installed here.
        """
        if not file.replace("*", "a").isidentifier():
            return
        holds_one = re.compile(rf"^{self.attribute}\s*(:[^=\n]+)?=", re.MULTILINE)
        for place in importlib.import_module(SYSTEMS).__path__:
            for path in sorted(Path(place).glob(f"*/{file}.py")):
                if holds_one.search(path.read_text("utf-8")):
                    yield f"{SYSTEMS}.{path.parent.name}.{path.stem}"
