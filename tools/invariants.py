"""Write the table of invariants as a page: `python tools/invariants.py > docs/invariants.md`."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from threeways.artifact import limits
from threeways.artifact.sklearn import containers, forms, rows, slots
from threeways.artifact.sklearn.allowed import FAMILIES

_KINDS = {
    "b": "boolean",
    "i": "integer",
    "u": "unsigned",
    "f": "float",
    "U": "text",
    "O": "object",
    "V": "node",
}
_WORDS: dict[type, str] = {
    slots.Bound: "`check_array` with keywords",
    slots.Random: "a random state",
    slots.Record: "plain values",
    slots.Span: "a slice",
    slots.TypeOf: "a type of numbers or texts",
}
_HEAD = f"""# What a skops file's objects may have

A skops file is loaded only if each of its objects has what scikit-learn's fitting gives it, and nothing
else. This is the table of it, class by class: a class without a row is refused. The table is data, in
[`threeways/artifact/sklearn/table/`](../threeways/artifact/sklearn/table); this page is written from it
(`python tools/invariants.py > docs/invariants.md`), and a test compares the two.

It is checked twice. **Before anything is loaded**: each object has only the attributes of its row (no name
that begins with `__` is in any), each of a type below; in each slot stands an object of a class that belongs
there. **After it is loaded**, and before it predicts: shapes, ranges and what ties the arrays together. Names
of shapes stand for one number within an object: `in` its features, `out` its outputs, `classes` the classes
of each output, `decisions` the numbers that decide between them. "The same in" after a part says that it
shares that number with its owner.

Every estimator may also have `feature_names_in_` (one text for each feature), `_sklearn_output_config` and
`_sklearn_version`. Parameters that are not listed are plain values: None, a boolean, a number or a text;
`n_jobs` is at most {limits.JOBS}, `verbose` {limits.VERBOSE}. *Noted* attributes are plain values and arrays
that no prediction reads.
"""


def page() -> str:
    """Return the page as Markdown."""
    parts = [_HEAD]
    for family in FAMILIES:
        module = import_module(f"threeways.artifact.sklearn.table.{family}")
        parts.append(f"## {family.capitalize()}\n\n{str(module.__doc__).strip()}\n")
        parts += _merged(module.ROWS)
    return "\n".join(parts)


def _merged(found: list[rows.Row]) -> list[str]:
    """Return the rows' sections; classes of one row have one section."""
    sections: dict[str, list[str]] = {}
    for row in found:
        sections.setdefault(_section(row), []).append(row.name)
    return [f"### {', '.join(names)}\n{body}" for body, names in sections.items()]


def _section(row: rows.Row) -> str:
    lines = []
    noted = []
    for name, form in row.attributes.items():
        if name in rows.COMMON or form is forms.PLAIN or form is rows.PARAMETERS.get(name):
            continue
        if name == "feature_names_in_":
            continue
        if isinstance(form, slots.Record):
            noted.append(f"`{name}`")
        else:
            optional = "" if name in row.required else ", optional"
            lines.append(f"- `{name}`: {told(form)}{optional}")
    if row.arguments is not None:
        lines.append(f"- made from {told(row.arguments)}")
    if row.state is not None and not isinstance(row.state, slots.Record):
        lines.append(f"- its state: {told(row.state)}")
    lines += [f"- {_first_line(rule)}" for rule in row.rules]
    lines += [f"- Noted: {', '.join(noted)}"] if noted else []
    return f"\n{'\n'.join(lines) or '- Parameters alone.'}\n"


def _first_line(rule: Any) -> str:
    return str(rule.__doc__).strip().splitlines()[0]


def told(form: forms.Form) -> str:
    """Return a form in words."""
    if isinstance(form, slots.OneOf):
        return " or ".join(dict.fromkeys(map(told, form.forms)))
    if isinstance(form, slots.Part):
        return _part(form)
    if isinstance(form, containers.Array):
        return _array(form)
    if isinstance(form, containers.Sequence):
        return _sequence(form)
    if isinstance(form, containers.Mapped):
        return f"a {'Bunch' if form.bunch else 'dict'} of {told(form.item or forms.PLAIN)}"
    if isinstance(form, forms.Count):
        return f"the number of `{form.name}`"
    if isinstance(form, forms.Plain):
        return _plain(form)
    if isinstance(form, slots.Function):
        return f"a function: {', '.join(sorted(form.names))}"
    return _WORDS[type(form)]


def _part(form: slots.Part) -> str:
    if not form.fitted:
        return "an estimator, fitted or not"
    names = " or ".join(f"`{name}`" for name in sorted(form.names))
    return f"{names} (the same {', '.join(form.same)})" if form.same else names


def _plain(form: forms.Plain) -> str:
    if form.among is not None:
        return "one of " + ", ".join(sorted(f"`{value}`" for value in form.among))
    kinds = " or ".join(sorted(form.kinds)).replace("none", "None")
    return f"{kinds} {_range(form)}".strip()


def _range(form: forms.Plain) -> str:
    if form.low is None and form.high is None:
        return ""
    return f"at least {form.low:,}" if form.high is None else f"{form.low or 0:,} to {form.high:,}"


def _array(form: containers.Array) -> str:
    kinds = "/".join(_KINDS[kind] for kind in form.kinds)
    shapes = " or ".join(f"({', '.join(one.split())})" for one in (form.shapes or "any shape").split("|"))
    objects = form.items is not forms.PLAIN and "O" in form.kinds
    items = f" of {told(form.items)}" if objects else ""
    rule = f" ({_first_line(form.rule).rstrip('.')})" if form.rule else ""
    return f"{kinds} {shapes}{items}{rule}"


def _sequence(form: containers.Sequence) -> str:
    if form.forms:
        return f"({'; '.join(map(told, form.forms))})"
    length = f", one for each of `{form.length}`" if form.length else ""
    return f"a list of {told(form.item or forms.PLAIN)}{length}"


if __name__ == "__main__":
    sys.stdout.write(page())
