"""The moderation policy: thresholds by category, the deadline, what missing and late verdicts lead to.

It is one TOML file that a person reads in a minute. It is checked as a whole when the join starts, and
decisions carry its version and a hash of what it says.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, inspect

from threeways.errors import SettingsError
from threeways.join.join import MAX_DEADLINE
from threeways.settings import from_environment

type Outcome = Literal["allow", "review", "remove"]

SHIPPED = Path(__file__).with_name("policy.toml")
REVIEWER = "reviewer"
"""The source of a person's verdicts; no category may be called so."""

Line = Annotated[str, Meta(min_length=1, max_length=500)]
"""A text; 500 characters are the limit on a ground in the DSA Transparency Database."""
StatementCategory = Annotated[str, Meta(pattern="^STATEMENT_CATEGORY_[A-Z_]+$", max_length=100)]


class PolicySettings(msgspec.Struct, frozen=True, rename="upper"):
    """moderation_policy: a policy file; None: the one beside this module."""

    moderation_policy: str | None = None


class Category(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, dict=True):
    """What one category's score leads to.

    review, remove: the score from which an upload is reviewed by a person, or removed; without `remove` it is
    never removed automatically. expected: whether a decision waits for its verdict. missing: the outcome
    where an expected verdict has not come by the deadline. what: the category in words, for the user.
    ground: the clause of the terms that it is about. statement_category: its category in a statement of
    reasons. model: the `model` of its verdicts; default: its name, which a task of this system has.
    label: the label whose probability is its score; default: its name.
    """

    what: Line
    review: float
    remove: float | None = None
    expected: bool = True
    missing: Outcome = "review"
    ground: Line
    statement_category: StatementCategory
    model: str = ""
    label: str = ""

    def of(self, score: float) -> Outcome:
        """Return what a score leads to."""
        if self.remove is not None and score >= self.remove:
            return "remove"
        return "review" if score >= self.review else "allow"


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, dict=True):
    """The whole file.

    version: its maker's. deadline_s: seconds. late: see `Join`. ground: of a reviewer's removal where no
    category found anything. appeal: how to object. categories: by name.
    """

    version: Annotated[str, Meta(min_length=1, max_length=50)]
    deadline_s: float
    late: Literal["revise", "ignore"] = "revise"
    ground: Line
    appeal: Line
    categories: dict[str, Category]

    @cached_property
    def rules(self) -> str:
        """The version, and a hash of what the file says: the same whatever its order and comments."""
        content = msgspec.json.encode(self, order="deterministic")
        return f"{self.version}-{hashlib.sha256(content).hexdigest()[:16]}"

    @cached_property
    def by_source(self) -> Mapping[str, str]:
        """The source of verdicts -> its category."""
        return {source_of(name, one): name for name, one in self.categories.items()}

    @property
    def expected(self) -> frozenset[str]:
        """The sources that a decision waits for."""
        return frozenset(source_of(name, one) for name, one in self.categories.items() if one.expected)


def source_of(name: str, category: Category) -> str:
    """Return the `model` of a category's verdicts."""
    return category.model or name


def own_file() -> Path | None:
    """Return the file that MODERATION_POLICY names, None for the shipped one."""
    named = from_environment(PolicySettings).moderation_policy
    return Path(named) if named else None


def with_deadline(path: Path | None, seconds: float) -> str:
    """Return a policy file's text with another deadline. Raises SettingsError."""
    file = path or SHIPPED
    load(path)
    text, count = re.subn(
        r"(?m)^(\s*deadline_s\s*=\s*)[^\s#]+", rf"\g<1>{seconds:.1f}", file.read_text("utf-8")
    )
    found = checked(tomllib.loads(text), f"policy {file}").deadline_s
    if count != 1 or found != round(seconds, 1):
        raise SettingsError(f"policy {file}: no deadline to change; write deadline_s = 30.0")
    return text


def load(path: Path | None = None) -> Policy:
    """Read and check a policy file, or the shipped one. Raises SettingsError with the mend."""
    return parsed(text_of(path), _named(path))


def text_of(path: Path | None = None) -> str:
    """Return a policy file's text, or the shipped one's. Raises SettingsError."""
    try:
        return (path or SHIPPED).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{_named(path)} cannot be read: {error}; name a TOML file") from None


def parsed(text: str, where: str = "JOIN_POLICY") -> Policy:
    """Return the policy that a text is. Raises SettingsError with the mend."""
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{where} is not TOML: {error}; correct that line") from None
    return checked(given, where)


def _named(path: Path | None) -> str:
    return f"policy {SHIPPED}" if path is None else f"MODERATION_POLICY={path}"


def checked(given: Mapping[str, Any], where: str) -> Policy:
    """Return the policy that a document says. Raises SettingsError."""
    blocks = given.get("categories")
    if not isinstance(blocks, dict) or not blocks:
        raise SettingsError(f"{where} has no category; add a block such as [categories.violence]")
    for name, block in blocks.items():
        if isinstance(block, dict) and name != REVIEWER and not block.get("model") and not _has_task(name):
            raise SettingsError(f"{where}: [categories.{name}]: {_unjudged(name)}")
    categories = {
        name: _converted(block, Category, f"{where}: [categories.{name}]") for name, block in blocks.items()
    }
    policy = msgspec.structs.replace(
        _converted({**given, "categories": {}}, Policy, where), categories=categories
    )
    for fault in _faults(policy):
        raise SettingsError(f"{where}: {fault}")
    return policy


def _converted[T: msgspec.Struct](given: Any, kind: type[T], where: str) -> T:
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{where}: {error}; {_mend(str(error), kind)}") from None


def _mend(error: str, kind: type[msgspec.Struct]) -> str:
    """Return what to do about a ValidationError of msgspec's."""
    keys = kind.__struct_fields__
    if unknown := re.search("unknown field `(.*)`", error):
        near = difflib.get_close_matches(unknown[1], keys, 1)
        return f"meant {near[0]}?" if near else f"remove it, the keys are {', '.join(keys)}"
    if lacking := re.search("required field `(.*)`", error):
        return f"add {lacking[1]} = …"
    at = re.search(r"at `\$\.(\w+)`", error)
    info: Any = inspect.type_info(kind)
    allowed = [one.type for one in info.fields if at and one.name == at[1]]
    if allowed and isinstance(allowed[0], inspect.LiteralType):
        return f"give {' or '.join(map(repr, allowed[0].values))}"
    return "correct its value" if at else f"give a block with the keys {', '.join(keys)}"


def _faults(policy: Policy) -> Iterator[str]:
    if not 0.001 <= policy.deadline_s <= MAX_DEADLINE:
        yield f"deadline_s = {policy.deadline_s}; give 0.001 to {MAX_DEADLINE:.0f} seconds"
    for name, category in policy.categories.items():
        for fault in _faults_of(name, category):
            yield f"[categories.{name}]: {fault}"
    if len(policy.by_source) < len(policy.categories):
        yield "two categories have the same `model`; give each a consumer of its own"
    if not policy.expected:
        yield (
            "no category is expected, so every upload would be allowed before a verdict; set expected = true "
            "for one at least"
        )


def _faults_of(name: str, category: Category) -> Iterator[str]:
    for key in ("review", "remove"):
        threshold = getattr(category, key)
        if threshold is not None and not 0 <= threshold <= 1:
            yield f"{key} = {threshold}, and scores are from 0 to 1; give a number in between"
    if category.remove is not None and category.remove < category.review:
        yield (
            f"remove = {category.remove} is below review = {category.review}: nothing would be reviewed; "
            "give a `remove` that is not below"
        )
    if REVIEWER in {name, category.model}:
        yield f"{REVIEWER} is the name of people's verdicts; rename it"


def _unjudged(name: str) -> str:
    tasks = [file.stem for file in SHIPPED.parent.glob("*.py") if _has_task(file.stem)]
    near = difflib.get_close_matches(name, tasks, 1)
    return (
        f"nobody judges {name}: this system has no task of that name; "
        + (f"meant {near[0]}? Or " if near else "correct it, remove the block, or ")
        + "name the `model` of the predictions that judge it"
    )


def _has_task(name: str) -> bool:
    """Whether a module beside this one holds the task of a category; it is not imported: it needs NumPy."""
    module = SHIPPED.with_name(f"{name}.py")
    return name.isidentifier() and module.is_file() and "\ntask" in module.read_text("utf-8")
