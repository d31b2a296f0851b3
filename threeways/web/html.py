"""Pages without scripts: a template, the one style, and answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader
from litestar import MediaType, Response

from threeways.errors import PermanentError, TransientError
from threeways.scoring.outcomes import ExplainedPrediction
from threeways.scoring.task import Task
from threeways.web.fast_path import Predict
from threeways.web.policy import STYLE, WEB
from threeways.web.problems import problem_of


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a page says to what was typed: `values` and `flags`, or what is `wrong`.

    values: what is predicted by its name within `prediction`: a number, a label, or a number for each class.
    wrong: by the name of the field, "" for the whole. status, headers: of the response.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    wrong: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

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
    values = {name: value for name, value in made.prediction.items() if name != task.id_name}
    if isinstance(made, ExplainedPrediction):
        values["because"] = {
            f"{one.feature} {'' if one.value is None else shown(one.value)}".strip(): one.contribution
            for one in made.because or ()
        }
    return Answer(values=values, flags=made.flags or ())


class Page:
    """A page of a template, which may extend or import those here. package: whose file the template is."""

    def __init__(self, template: str, package: str = WEB) -> None:
        loader = ChoiceLoader([PackageLoader(one, "") for one in dict.fromkeys((package, WEB))])
        environment = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
        environment.filters |= {"words": words, "number": number, "shown": shown}
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


def shown(value: Any) -> str:
    """Return a predicted value for people: a number, or a label as JSON has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):  # a ranking
        return ", ".join(f"{one['name']} {shown(one['score'])}" for one in value)
    return number(value) if isinstance(value, float) else str(value)
