"""The page of what waits for a person: HTML whose texts are escaped by what writes it, and no script."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from threeways.ops.review import LONGEST_NAME, OUTCOMES, Review, age_of, reason_of

LONGEST_REASON = 1_000


@dataclass(frozen=True, slots=True)
class Typed:
    """What a reviewer typed. key: as JSON. note: what became of it. wrong: whether it was refused."""

    key: str = ""
    by: str = ""
    because: str = ""
    note: str = ""
    wrong: bool = False


def page(name: str, id_name: str, waiting: list[Review], more: bool, token: str, typed: Typed) -> bytes:
    """Return the page. name: the join's. token: what each form sends back."""
    root = Element("html", {"lang": "en"})
    head = SubElement(root, "head")
    SubElement(head, "meta", {"charset": "utf-8"})
    SubElement(head, "meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"})
    _text(head, "title", f"Reviews: {name}")
    SubElement(head, "link", {"rel": "stylesheet", "href": "/review.css"})
    body = SubElement(root, "body")
    header = SubElement(body, "header")
    _text(header, "h1", f"Reviews: {name}")
    count = f"The first {len(waiting)}" if more else str(len(waiting))
    _text(header, "p", f"{count} wait{'s' * (len(waiting) == 1)} for a person, longest first.")
    if typed.note:
        _text(header, "p", typed.note, {"class": "wrong" if typed.wrong else "told", "role": "status"})
    main = SubElement(body, "main")
    if not waiting:
        _text(main, "p", "Nothing waits. Load the page again to look.")
    for one in waiting:
        _article(main, one, id_name, token, typed)
    _text(
        SubElement(body, "footer"), "p",
        "A verdict overrules the models'. This page asks nobody who they are: it takes the name as typed.",
    )  # fmt: skip
    return b"<!doctype html>\n" + tostring(root, "unicode", "html").encode("utf-8", "replace")


def _article(main: Element, review: Review, id_name: str, token: str, typed: Typed) -> None:
    article = SubElement(main, "article")
    _text(article, "h2", f"{id_name} {review.key}", {"dir": "auto"})
    _text(article, "p", f"waits for {age_of(review)} · revision {review.revision}", {"class": "since"})
    _text(article, "p", reason_of(review), {"class": "reason", "dir": "auto"})
    _pairs(article, {name: value for name, value in review.subject.items() if name != id_name})
    facts = review.decided.facts if review.decided else {}
    for name, table in _tables(facts):
        _table(article, name, table)
    missing = facts.get("missing")
    if isinstance(missing, Mapping) and missing:
        _text(article, "p", f"No verdict in time: {', '.join(map(str, missing))}.")
    details = SubElement(article, "details")
    _text(details, "summary", "All facts")
    _text(details, "pre", json.dumps(facts, indent=1, ensure_ascii=False), {"dir": "auto"})
    _form(article, review, token, typed)


def _form(article: Element, review: Review, token: str, typed: Typed) -> None:
    key = json.dumps(review.key)
    form = SubElement(article, "form", {"method": "post", "action": "/verdict"})
    for name, value in (("token", token), ("key", key), ("revision", str(review.revision))):
        SubElement(form, "input", {"type": "hidden", "name": name, "value": value})
    because = _labelled(form, "textarea", "Why? The user is told.", "because", LONGEST_REASON)
    because.set("rows", "2")
    because.text = typed.because if typed.key == key else ""
    by = _labelled(form, "input", "Your name", "by", LONGEST_NAME)
    by.set("value", typed.by)
    buttons = SubElement(form, "div", {"class": "buttons"})
    for outcome in OUTCOMES:
        _text(
            buttons, "button", outcome.capitalize(), {"name": "outcome", "value": outcome, "class": outcome}
        )


def _labelled(form: Element, tag: str, label: str, name: str, longest: int) -> Element:
    inside = _text(form, "label", label)
    return SubElement(inside, tag, {"name": name, "required": "", "maxlength": str(longest)})


def _tables(facts: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Mapping[str, Any]]]]:
    """Yield the facts that are a mapping of mappings."""
    for name, value in facts.items():
        if isinstance(value, Mapping) and value and all(isinstance(one, Mapping) for one in value.values()):
            yield name, value


def _table(article: Element, name: str, rows: Mapping[str, Mapping[str, Any]]) -> None:
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    scroll = SubElement(article, "div", {"class": "scroll"})
    table = SubElement(scroll, "table")
    heads = SubElement(SubElement(table, "thead"), "tr")
    for column in (name, *columns):
        _text(heads, "th", column, {"scope": "col"})
    body = SubElement(table, "tbody")
    for row, values in rows.items():
        line = SubElement(body, "tr")
        _text(line, "th", row, {"scope": "row"})
        for column in columns:
            _text(line, "td", _value(values.get(column)), {"dir": "auto", "data-name": column})


def _pairs(article: Element, values: Mapping[str, Any]) -> None:
    pairs = SubElement(article, "dl")
    for name, value in values.items():
        pair = SubElement(pairs, "div")
        _text(pair, "dt", name)
        _text(pair, "dd", _value(value), {"dir": "auto"})


def _value(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(_value, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _text(parent: Element, tag: str, text: str, attributes: Mapping[str, str] | None = None) -> Element:
    made = SubElement(parent, tag, dict(attributes or {}))
    made.text = text
    return made
