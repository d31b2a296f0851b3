"""Everything that can go wrong, as one tree.

Two kinds of failure decide what happens to a record, and every error is one of them or stops a start::

    ThreewaysError
    ├── PermanentError            this record can never be scored: quarantine it, the shard moves on
    │   ├── UndecodableEvent      its bytes are not the JSON that was promised
    │   ├── InvalidEvent          it is JSON, but not an event of the task
    │   ├── UnpredictableEvent    `predict` raises on it, and on it alone
    │   ├── InvalidPrediction     its prediction is not a finite number
    │   ├── ResourceExhausted     memory, a file or a socket was lacking at each try, for too long
    │   ├── NoTimeToScore         an invocation of its own was too short to score it
    │   └── NoTimeToDeliver       an invocation of its own is too short to deliver its predictions in order


    │   └── RepeatedEvent         another row of the batch job has its id, and counts
    ├── TransientError            trying again may succeed: retry, then report the record as unfinished
    │   ├── DeadlineNear          the invocation has no time left for another try
    │   ├── ResourceShort         memory, a file or a socket was lacking while it was scored
    │   ├── DeliveryFailed        the predictions stream refuses for now, whatever is put on it
    │   └── QuarantineFailed      the quarantine did not acknowledge it
    ├── InvalidInvocation         what called the function is no Kinesis event
    ├── ModelFailed               `predict` raises whatever it is given: the model's fault
    ├── BatchFailed           the batch job's database was lost, is locked or full; nothing of the run is kept
    ├── DiskFailed            a disk is full or broken
    ├── DeploymentFailed          a deployment was begun and did not end well; the message says what is there
    └── UsageError                what was given cannot work; the message says how to mend it
        ├── SettingsError         an environment variable is missing or malformed
        ├── DataError             training or ride data is missing, unreadable or unusable
        ├── TrackingError         MLflow's store or registry cannot be used
        ├── LocalError            the local emulator, function or mapping cannot start or go on
        ├── TemplateError         a template or a deployed stack cannot be examined
        ├── DeploymentError       a stack cannot be deployed, rolled back or removed; nothing was changed
        ├── PlaceRefused          a file or a folder cannot be read or written, or is none
        ├── BatchError            the batch job's interval or its predictions' place cannot be used
        ├── LocationError         quarantine, a failure destination or a deployed function cannot be used
        └── ArtifactError         the model cannot be used
            ├── ArtifactMissing     there is nothing at its location
            ├── ArtifactUnreachable its location cannot be read: no network, no permission, no space
            ├── ArtifactIncomplete  a file that its MLmodel names is missing or damaged (half-uploaded)
            ├── ArtifactAmbiguous   a run has several models and no one of them was chosen
            ├── ArtifactMismatch    another digest, scikit-learn version or signature than is served here
            ├── ArtifactUnsupported a flavour, a format or an input that cannot be served here
            └── ArtifactUntrusted   loading it could run code or read outside its memory
"""


class ThreewaysError(Exception):
    """The root: every error this package raises on purpose."""


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
    """`predict` raises on this record while others of its kind succeed."""

    code = "unpredictable"


class InvalidPrediction(PermanentError):
    """The model answered something that is not a finite number."""

    code = "invalid_prediction"


class ResourceExhausted(PermanentError):
    """What `ResourceShort` says of a record for so long that it is taken for the record's fault."""

    code = "resource_exhausted"


class NoTimeToScore(PermanentError):
    """A user record of an aggregated record that was not scored, though the invocation had no other."""

    code = "no_time_to_score"


class NoTimeToDeliver(PermanentError):
    """An aggregated record with more rides of one key than an invocation can deliver one after the other."""

    code = "no_time_to_deliver"


class RepeatedEvent(PermanentError):
    """Another row of the same run has its id and counts instead."""

    code = "repeated_id"


class TransientError(ThreewaysError):
    """A failure that may pass; the record stays unfinished until it does."""


class DeadlineNear(TransientError):
    """Too little of the invocation's time is left for another attempt."""


class ResourceShort(TransientError):
    """Memory, a file or a socket was lacking: not the record's fault."""


class DeliveryFailed(TransientError):
    """The predictions stream refuses in a way that trying again within the invocation cannot mend."""


class QuarantineFailed(TransientError):
    """The quarantine did not acknowledge a record. `retries`: attempts beyond the first."""

    def __init__(self, message: str, retries: int = 0) -> None:
        super().__init__(message)
        self.retries = retries


class InvalidInvocation(ThreewaysError):
    """The function was called with something that is not a Kinesis event."""


class ModelFailed(ThreewaysError):
    """`predict` fails on everything, or answers in a shape that fits no batch."""


class DeploymentFailed(ThreewaysError):
    """A deployment was begun and did not end well; the message says what is there now and what to do."""


class BatchFailed(ThreewaysError):
    """The batch job's database was lost, is locked or has no room; nothing of the run is kept."""


class DiskFailed(ThreewaysError):
    """A disk has no room left, or is broken."""


class LocalFailed(ThreewaysError):
    """A part of the local stand-in for AWS ended or failed while it was used, and what it held is gone."""


class UsageError(ThreewaysError):
    """What was given cannot work; the message says what was wrong and how to mend it. Exit status 2."""


class SettingsError(UsageError):
    """An environment variable is missing or malformed."""


class DataError(UsageError):
    """Training or ride data is missing, unreadable, or has no usable row."""


class TrackingError(UsageError):
    """MLflow's tracking store or model registry cannot be reached, read or written."""


class LocalError(UsageError):
    """A part of the local stand-in for AWS cannot start, or does not support what is asked."""


class DeploymentError(UsageError):
    """A stack cannot be deployed, rolled back or removed as asked; nothing was changed."""


class PlaceRefused(UsageError):
    """A file or a folder cannot be read or written: permissions, a read-only disk, a file for a folder."""


class BatchError(UsageError):
    """The batch job's interval, or the place that its predictions go to, cannot be used."""


class LocationError(UsageError):
    """What is to be read or scored again is not there or unreadable, or what is to score it is not there."""


class TemplateError(UsageError):
    """A CloudFormation or SAM template, or a deployed stack, cannot be read or holds nothing to examine."""


class ArtifactError(UsageError):
    """The model cannot be used."""


class ArtifactMissing(ArtifactError):
    """There is no artifact at the location."""


class ArtifactUnreachable(ArtifactError):
    """The artifact's location cannot be read: no network, no permission, or no room to put it."""


class ArtifactIncomplete(ArtifactError):
    """A file that the artifact's MLmodel names is missing or damaged."""


class ArtifactAmbiguous(ArtifactError):
    """Several models fit and none was chosen; the message lists them."""


class ArtifactMismatch(ArtifactError):
    """The artifact is not the one that was pinned, or was made for another library or task."""


class ArtifactUnsupported(ArtifactError):
    """The artifact's flavour, format or input cannot be served here."""


class ArtifactUntrusted(ArtifactError):
    """The artifact holds types outside the allow-list, or a structure that is unsafe to evaluate."""
