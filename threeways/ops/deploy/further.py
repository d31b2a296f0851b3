"""A further consumer of a stack's input stream: a stack of its own, which the first one knows nothing of."""

from __future__ import annotations

from threeways.errors import UsageError
from threeways.ops.account import Client
from threeways.ops.deploy import streams
from threeways.ops.deploy.answers import Answers
from threeways.ops.deploy.stack import Stack, look


def own_name(events_from: str | None, task: str | None) -> str | None:
    """Return the name of a further consumer's stack, where none was given: of both stacks' names and task.

    None where it is no further consumer. Raises UsageError where its task has no name to make one of.
    """
    if not events_from:
        return None
    if not task:
        raise UsageError(
            f"EVENTS_FROM={events_from} makes a further consumer, which is a stack of its own: name it, "
            "STACK=, or say what it predicts, TASK="
        )
    return f"{events_from}-{task.rpartition('.')[2].replace('_', '-')}"


def parameters_of(events_from: str, answers: Answers, stack: Stack | None, client: Client) -> dict[str, str]:
    """Return the parameters that have a stack read the input stream of another.

    Its output, where nothing is said of one, is a new stream of its own name. stack: the consumer's, if it is
    there. Raises UsageError where the other is no stack that has an input stream, or is this one.
    """
    if answers.stack == events_from:
        raise UsageError(
            f"EVENTS_FROM={events_from} is the stack that is deployed: a further consumer is a stack of its "
            "own, STACK="
        )
    other = look(events_from, client)
    if other is None:
        raise UsageError(
            f"EVENTS_FROM={events_from}: there is no such stack in {answers.region}: name one that "
            "`make deploy` made, or its region, REGION="
        )
    arn = other.output(streams.INPUT_ARN)
    given = answers.parameters.get(streams.INPUT_ARN, arn)
    if given != arn or streams.INPUT_NAME in answers.parameters:
        raise UsageError(
            f"EVENTS_FROM={events_from} and PARAMETERS={streams.INPUT_ARN}= or {streams.INPUT_NAME}= name an "
            "input stream each: give one of them"
        )
    if stack is not None and stack.output(streams.INPUT_ARN) != arn:
        raise UsageError(
            f"the stack {stack.name} reads {stack.output(streams.INPUT_ARN)}, and not {arn} of "
            f"{events_from}: "
            f"name another stack, STACK=; or move this one, PARAMETERS={streams.INPUT_ARN}={arn} without "
            "EVENTS_FROM=, which begins at that stream's oldest event"
        )
    says_output = {streams.OUTPUT_ARN, streams.OUTPUT_NAME} & set(answers.parameters)
    output = {} if says_output or stack is not None else {streams.OUTPUT_NAME: f"{answers.stack}-predictions"}
    return {streams.INPUT_ARN: arn, **output}
