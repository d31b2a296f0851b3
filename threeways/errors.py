"""The error tree.

Two kinds of errors decide what happens to a record; every other error stops a start or an invocation::

    ThreewaysError
    ├── PermanentError            this record can never be scored: quarantine it, the shard moves on
    │   ├── UndecodableEvent      its bytes are not valid JSON
    │   ├── InvalidEvent          it is JSON, but not an event of the task
    │   ├── UnpredictableEvent    `predict` raises on it, and on it alone
    │   ├── InvalidPrediction     its prediction is not a finite number
    │   ├── InvalidMessages       what the task makes of its prediction cannot be put on a stream
    │   ├── ResourceExhausted     memory, a file or a socket was lacking at each try, for too long
    │   ├── NoTimeToScore         an invocation of its own was too short to score it
    │   ├── NoTimeToDeliver       an invocation of its own is too short to deliver its predictions in order
    │   ├── RepeatedEvent         another row of the batch job has the same id, and is used instead
    │   ├── RepeatedVerdict       the key has another verdict of this source, or another subject, which counts
    │   ├── KeyFull               the key's item in the join's table has no room for it
    │   └── UndecidableEvent      a join's `decide` raises on a decided key with this verdict
    ├── TransientError            trying again may succeed: retry, then report the record as unfinished
    │   ├── DeadlineNear          the invocation has no time left for another try
    │   │   └── NoRoom            the messages of the events before it are all that an invocation takes
    │   ├── ResourceShort         memory, a file or a socket was lacking while it was scored
    │   ├── DeliveryFailed        the predictions stream refuses every record for now
    │   ├── TableFailed           the join's table refuses every call for now
    │   └── QuarantineFailed      the quarantine did not acknowledge it
    ├── InvalidInvocation         the function was called with something other than a Kinesis event
    ├── ModelFailed               `predict` raises on every input: the model's fault
    ├── JoinFailed                a join's `decide` or `effects` raises, or waits past the deadline
    ├── BatchFailed               the batch job's database was lost, is locked or full; the run is rolled back
    ├── DiskFailed                a disk is full or broken
    ├── LocalFailed               the emulator ended or failed while it was used
    ├── DeploymentFailed          a deployment was begun and failed; the message says what is deployed now
    └── UsageError                the input cannot work; the message says how to fix it
        ├── SettingsError         an environment variable is missing or malformed
        ├── DataError             training data or events are missing, unreadable or unusable
        ├── TrackingError         MLflow's store or registry cannot be used
        ├── LocalError            the local emulator, function or mapping cannot start or go on
        ├── TemplateError         a template or a deployed stack cannot be examined
        ├── EngineError           Docker, or a container of it, cannot be used as asked
        ├── PlaceRefused          a file or a folder cannot be read or written, or is not one
        ├── BatchError            the batch job's interval or its predictions' location cannot be used
        ├── LocationError         quarantine, a failure destination or a deployed function cannot be used
        ├── PointerError          the pointer to the model that serves cannot be used
        │   ├── PointerUnreachable  it cannot be read or written: no network, no permission
        │   ├── PointerRefused      it is no pointer, or names a model that cannot take over
        │   └── PointerMoved        another has written it meanwhile
        ├── PromotionRefused      the gate keeps a model from serving; the message says by what
        └── ArtifactError         the model cannot be used
            ├── ArtifactMissing     there is nothing at its location
            ├── ArtifactUnreachable its location cannot be read: no network, no permission, no space
            ├── ArtifactIncomplete  a file that its MLmodel names is missing or damaged (half-uploaded)
            ├── ArtifactAmbiguous   a run has several models and no one of them was chosen
            ├── ArtifactMismatch    its digest, scikit-learn version or signature is not the expected one
            ├── ArtifactUnsupported a flavour, a format or an input that cannot be served here
            └── ArtifactUntrusted   loading it could run code or read outside its memory
"""

from __future__ import annotations

from threeways.masking import masked


class ThreewaysError(Exception):
    """The base class of every error that this package raises on purpose. Its message holds no password."""

    def __init__(self, *args: object) -> None:
        super().__init__(*(masked(one) if isinstance(one, str) else one for one in args))


def without_frames[Error: Exception](error: Error) -> Error:
    """Return an error that is kept as a value, without its traceback and context.

    Their frames hold what was worked on, and often the error itself: a cycle, which takes a batch's memory
    until it is collected, and for ever where it leads through a struct that the collector does not know
    (`gc=False`).
    """
    error.__context__ = None
    return error.with_traceback(None)


class PermanentError(ThreewaysError):
    """A record that can never be scored. `code` names the reason in metrics and in quarantine."""

    code = "permanent"


class UndecodableEvent(PermanentError):
    """The record's bytes are not valid base64, UTF-8 or JSON."""

    code = "undecodable"


class InvalidEvent(PermanentError):
    """The record is JSON but not an event of the task; the message names the field."""

    code = "invalid_event"


class UnpredictableEvent(PermanentError):
    """`predict` raises on this record, but not on others."""

    code = "unpredictable"


class InvalidPrediction(PermanentError):
    """The prediction is not a finite number."""

    code = "invalid_prediction"


class InvalidMessages(PermanentError):
    """The task's `messages` raises on its prediction, or makes too many, too large or no valid ones."""

    code = "invalid_messages"


class ResourceExhausted(PermanentError):
    """`ResourceShort` for so long that it is attributed to the record."""

    code = "resource_exhausted"


class NoTimeToScore(PermanentError):
    """A user record of an aggregated record was not scored although the invocation had no other record."""

    code = "no_time_to_score"


class NoTimeToDeliver(PermanentError):
    """An aggregated record has more events of one key than an invocation can deliver one after the other."""

    code = "no_time_to_deliver"


class RepeatedEvent(PermanentError):
    """Another row of the same run has the same id, and is used instead."""

    code = "repeated_id"


class RepeatedVerdict(PermanentError):
    """The key has another verdict of this source, or another subject; the first one counts."""

    code = "repeated_verdict"


class KeyFull(PermanentError):
    """The key's item in the join's table has no room for it: DynamoDB's limit is 400 KB."""

    code = "key_full"


class UndecidableEvent(PermanentError):
    """The key is decided, and the join's `decide` raises on it with this verdict."""

    code = "undecidable"


class TransientError(ThreewaysError):
    """A failure that may pass; the record stays unfinished until it does."""


class DeadlineNear(TransientError):
    """Too little of the invocation's time is left for another attempt."""


class NoRoom(DeadlineNear):
    """The messages of the events before it are as many as an invocation takes."""


class ResourceShort(TransientError):
    """Memory, a file or a socket was lacking: not the record's fault."""


class DeliveryFailed(TransientError):
    """The predictions stream refuses in a way that retrying within the invocation cannot fix."""


class TableFailed(TransientError):
    """The join's table refuses in a way that retrying within the invocation cannot fix."""


class QuarantineFailed(TransientError):
    """The quarantine did not acknowledge a record.

    retries: attempts beyond the first. stored: how many records, the first ones, it did acknowledge.
    """

    def __init__(self, message: str, retries: int = 0, stored: int = 0) -> None:
        super().__init__(message)
        self.retries = retries
        self.stored = stored


class InvalidInvocation(ThreewaysError):
    """The function was called with something other than a Kinesis event."""


class ModelFailed(ThreewaysError):
    """`predict` fails on every input, or its output's shape fits no batch."""


class JoinFailed(ThreewaysError):
    """A join's `decide` or `effects` raises, or waits for what can no longer come: told, and tried again."""


class DeploymentFailed(ThreewaysError):
    """A deployment was begun and failed; the message says what is deployed now and what to do."""


class BatchFailed(ThreewaysError):
    """The batch job's database was lost, is locked or has no room; nothing of the run is kept."""


class DiskFailed(ThreewaysError):
    """A disk is full or broken."""


class LocalFailed(ThreewaysError):
    """A part of the emulator ended or failed while it was used, and its data is lost."""


class UsageError(ThreewaysError):
    """The input cannot work; the message says what was wrong and how to fix it. Exit status 2."""


class SettingsError(UsageError):
    """An environment variable is missing or malformed."""


class DataError(UsageError):
    """Training data or events are missing, unreadable, or have no usable row."""


class TrackingError(UsageError):
    """MLflow's tracking store or model registry cannot be reached, read or written."""


class LocalError(UsageError):
    """A part of the emulator cannot start, or does not support what is requested."""


class EngineError(UsageError):
    """Docker cannot do what is asked of it."""


class PlaceRefused(UsageError):
    """A file or a folder cannot be read or written: permissions, a read-only disk, a file for a folder."""


class BatchError(UsageError):
    """The batch job's interval, or the location of its predictions, cannot be used."""


class LocationError(UsageError):
    """What is to be read or scored again, or the function that is to score it, is missing or unreadable."""


class TemplateError(UsageError):
    """A CloudFormation or SAM template, or a deployed stack, cannot be read or has nothing to examine."""


class PointerError(UsageError):
    """The pointer to the model that serves cannot be used."""


class PointerUnreachable(PointerError):
    """The pointer cannot be read or written: no network, no permission, or too slow."""


class PointerRefused(PointerError):
    """The object is no pointer, or it names a model that cannot take over. etag: of what was refused."""

    def __init__(self, message: str, etag: str | None = None) -> None:
        super().__init__(message)
        self.etag = etag


class PointerMoved(PointerError):
    """Another has written the pointer since it was read; the message says who and when."""


class PromotionRefused(UsageError):
    """The gate keeps a model from serving; the message names the reason."""


class ArtifactError(UsageError):
    """The model cannot be used."""


class ArtifactMissing(ArtifactError):
    """There is no artifact at the location."""


class ArtifactUnreachable(ArtifactError):
    """The artifact's location cannot be read: no network, no permission, or no disk space."""


class ArtifactIncomplete(ArtifactError):
    """A file that the artifact's MLmodel names is missing or damaged."""


class ArtifactAmbiguous(ArtifactError):
    """Several models fit and none was chosen; the message lists them."""


class ArtifactMismatch(ArtifactError):
    """The artifact's digest is not the expected one, or it was made for another library version or task."""


class ArtifactUnsupported(ArtifactError):
    """The artifact's flavour, format or input cannot be served here."""


class ArtifactUntrusted(ArtifactError):
    """The artifact holds types outside the allow-list, or a structure that is unsafe to evaluate."""
