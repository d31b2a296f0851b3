"""Pages without scripts: a template, the one style, and answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader
from litestar import MediaType, Response

from threeways.artifact.interval import KEY
from threeways.errors import PermanentError, TransientError
from threeways.scoring.outcomes import ExplainedPrediction
from threeways.scoring.output import interval_in
from threeways.scoring.task import Task
from threeways.web.fast_path import Predict
from threeways.web.policy import STYLE, WEB
from threeways.web.problems import problem_of


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a page says to what was typed: `values` and `flags`, or what is `wrong`.

    values: what is predicted by its name within `prediction`: a number, a label, or a number for each class.
    wrong: by the name of the field, "" for the whole. status, headers: of the response. interval: of the one
    number, its two ends.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    wrong: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    interval: Sequence[float] | None = None

    @property
    def value(self) -> Any:
        """The first value, such as the one number; None where there is none."""
        return next(iter(self.values.values()), None)


def refusal(wrong: Mapping[str, str]) -> Answer:
    """Return the answer to fields that are no event."""
    return Answer(wrong=wrong, status=422)


async def answer(
    task: Task[Any], predict: Predict, payload: bytes, place: Callable[[str], Mapping[str, str]]
) -> Answer:
    """Return the answer to an event's JSON, by the one scoring path.

    place: a refusal's message by the name of its field.
    """
    try:
        made = await predict(task.decode(payload))
    except (PermanentError, TransientError) as error:
        problem, headers = problem_of(error, "")
        return Answer(wrong=place(problem.detail), status=problem.status, headers=headers)
    interval = interval_in(made.prediction)
    left_out = {task.id_name} if interval is None else {task.id_name, KEY}
    values = {name: value for name, value in made.prediction.items() if name not in left_out}
    if isinstance(made, ExplainedPrediction):
        values["because"] = {
            f"{one.feature} {'' if one.value is None else shown(one.value)}".strip(): one.contribution
            for one in made.because or ()
        }
    return Answer(values=values, flags=made.flags or (), interval=interval)


class Page:
    """A page of a template, which may extend or import those here. package: whose file the template is."""

    def __init__(self, template: str, package: str = WEB) -> None:
        loader = ChoiceLoader([PackageLoader(one, "") for one in dict.fromkeys((package, WEB))])
        environment = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
        environment.filters |= {"words": words, "number": number, "shown": shown, "ranged": ranged}
        self._template = environment.get_template(template)

    def text(self, **values: Any) -> str:
        """Return the page's HTML with its values, which are escaped."""
        return self._template.render(style=STYLE, **values)

    def response(self, answer: Answer | None = None, **values: Any) -> Response[str]:
        """Return the page with its values, which are escaped, and the answer, if there was a question."""
        told = answer or Answer()
        text = self.text(answer=answer, **values)
        return Response(text, status_code=told.status, media_type=MediaType.HTML, headers=told.headers)


def words(name: str) -> str:
    """Return a name in words: `first_order` is "First order". One with capitals stays as it is."""
    plain = name.replace("_", " ").strip()
    return plain[:1].upper() + plain[1:] if name == name.lower() and plain else name


def number(value: float) -> str:
    """Return a number for people: two decimals, or three digits of one below 1."""
    return f"{value:,.2f}" if value == 0 or 1 <= abs(value) < 1e15 else f"{value:.3g}"


def ranged(interval: Sequence[float], value: float, unit: str) -> str:
    """Return an interval in words: "14 to 31 minutes, most likely 21"; with digits where it is narrow.

    The ends are rounded outwards and the value to as many digits, so that it stays between them.
    """
    low, high = interval
    width = high - low
    digits = 0 if width >= 3 or not width else min(max(0, 1 - math.floor(math.log10(width))), 15)
    step = 10.0**digits
    if not abs(low) * step < 1e15 > abs(high) * step:  # too large for digits to tell apart
        return f"{shown(low)} to {shown(high)} {unit}".rstrip() + f", most likely {shown(value)}"
    ends = f"{math.floor(low * step) / step:,.{digits}f} to {math.ceil(high * step) / step:,.{digits}f}"
    return f"{ends} {unit}".rstrip() + f", most likely {value:,.{digits}f}"


def shown(value: Any) -> str:
    """Return a predicted value for people: a number, or a label as JSON has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):  # a ranking
        return ", ".join(f"{one['name']} {shown(one['score'])}" for one in value)
    return number(value) if isinstance(value, float) else str(value)
