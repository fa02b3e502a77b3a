"""All expected failures, in the terms of the domain; HTTP is not mentioned here.

ThalamusError
├── ClientError              the caller can correct it
│   ├── MalformedRequest     the envelope cannot be parsed (JSON, multipart)
│   │   ├── InvalidTensor        a tensor that the model does not take, or is none
│   │   └── NotOffered           what a protocol has and the service does not
│   ├── UnknownHost          the service does not answer for this host
│   ├── ForeignOrigin        pages of this origin may not ask
│   │   └── AmbiguousKey     the request carries more than one API key
│   ├── NoKey                the request carries no API key
│   │   └── UnknownKey       it carries a key that nobody was given
│   ├── MissingScope         the key does not permit this
│   ├── InvalidInput         the content cannot be read as what it claims to be
│   ├── UnknownModel         no such model or version
│   ├── UnsupportedTask      a task that this model does not have
│   ├── UnsupportedMedia     a media type that this model does not accept
│   │   └── UnsupportedCoding    a compression that the service does not decode
│   ├── ControlClosed        changes over HTTP, which the operator has not opened
│   ├── ImpossibleChange     what a model's versions or its rule do not allow
│   ├── TooLarge             over a size limit
│   │   ├── AddressTooLong       the address of the request
│   │   └── HeadTooLarge         the head of the request: its address and its header fields
│   ├── TooSlow              the request did not arrive in time
│   └── ClientDisconnected   the caller closed the connection before the answer
├── Unavailable              the caller may try again
│   ├── QuotaExceeded        the key has made as many requests as it may
│   ├── NotReady             loading, failed or draining
│   ├── Overloaded           the queue is full
│   │   ├── TooManyRequests  as many requests as are allowed are in flight
│   │   ├── TooManyBytes     the bodies in flight hold as many bytes as are allowed
│   │   ├── TooManyConnections  as many connections as are allowed are open
│   │   └── MemoryTaken      other requests hold the memory that decoding needs
│   ├── ResourceExhausted    the machine has no memory, descriptors or space left
│   └── DeadlineExceeded     the answer would come too late
└── OperatorError            the operator of the service must act
    ├── InvalidBundle        files missing, altered or contradictory
    │   └── UnreadableBundle a file cannot be read now; a later try may succeed
    ├── GoldenMismatch       the bundle answers differently on this machine
    ├── ModelOutputInvalid   the model has no valid answer to one item
    ├── TrialFailed          the bundle crashed the process that tried it, or never ended
    ├── TrialUnavailable     the bundle could not be tried now; a later try may succeed
    ├── DeviceUnavailable    the configured device cannot be used
    ├── InvalidKeys          the file of API keys cannot be used
    ├── InvalidRule          a model's serving.json cannot be read, or not be followed
    ├── ClusterError         the cluster of machines cannot be used, or a node of it failed
    └── NotWritten           a file cannot be written: no space, no permission, a broken disk
"""

from typing import ClassVar


class ThalamusError(Exception):
    """Base of all expected failures; its text is safe to show to the caller.

    reason: the limit or state that refuses, a label of metrics, inherited; empty for no refusal.
    """

    reason: ClassVar[str] = ""


class ClientError(ThalamusError):
    """The caller can correct the request."""


class MalformedRequest(ClientError):
    """The envelope of the request cannot be parsed."""


class InvalidTensor(MalformedRequest):
    """A tensor, or what is asked of one, is not what the model takes or gives."""


class NotOffered(MalformedRequest):
    """The protocol has this, and the service does not; another request may do."""


class UnknownHost(ClientError):
    """The request names a host that the service does not answer for."""


class ForeignOrigin(ClientError):
    """A browser asks whether a page may ask, and pages of its origin may not."""


class AmbiguousKey(MalformedRequest):
    """The request carries more than one API key, or one of them twice."""

    reason = "ambiguous_key"


class NoKey(ClientError):
    """The request carries no API key where one is needed, or carries it in another way."""

    reason = "no_key"


class UnknownKey(NoKey):
    """The request carries a key that nobody was given."""

    reason = "unknown_key"


class MissingScope(ClientError):
    """The key does not permit this request."""

    reason = "missing_scope"


class InvalidInput(ClientError):
    """The content of one item cannot be read; `index` names the item of a batch."""

    def __init__(self, detail: str, index: int | None = None) -> None:
        super().__init__(detail)
        self.index = index


class UnknownModel(ClientError):
    """No model or version of that name is published."""


class UnknownFile(ClientError):
    """The version has no card, or no picture or sample of that name."""


class UnsupportedTask(ClientError):
    """The model does not have this task."""


class UnsupportedMedia(ClientError):
    """The model accepts other media types."""


class UnsupportedCoding(UnsupportedMedia):
    """The body is compressed in a way that the service does not decode; `accepted` lists others."""

    accepted = "gzip, deflate"


class ControlClosed(ClientError):
    """The operator has not opened the control of models over HTTP."""


class ImpossibleChange(ClientError):
    """The versions of the model, or its rule, do not allow this change."""


class TooLarge(ClientError):
    """The request is over a size limit."""

    reason = "too_large"


class AddressTooLong(TooLarge):
    """The address of the request is too long."""


class HeadTooLarge(TooLarge):
    """The head of the request has too many fields or bytes."""


class TooSlow(ClientError):
    """The head or the body of the request did not arrive before its deadline."""

    reason = "receive_timeout"


class ClientDisconnected(ClientError):
    """The caller closed the connection; nobody reads the answer, so its work is dropped."""


class Unavailable(ThalamusError):
    """The request was correct, but the service cannot answer it now."""

    retry_after: int = 1  # seconds


class QuotaExceeded(Unavailable):
    """The key has made as many requests as it may; `retry_after` says when it may make one."""

    reason = "quota"

    def __init__(self, detail: str, retry_after: int = 1) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class NotReady(Unavailable):
    """The model exists but is loading, failed or draining."""

    reason = "not_ready"


class Overloaded(Unavailable):
    """The queue is full; the request was refused at once."""

    reason = "queue_full"


class TooManyRequests(Overloaded):
    """As many requests as are allowed are in flight."""

    reason = "requests_in_flight"


class TooManyBytes(Overloaded):
    """The bodies in flight hold as many bytes as are allowed."""

    reason = "bytes_in_flight"


class TooManyConnections(Overloaded):
    """As many connections as are allowed are open, and none of them waits for a request."""

    reason = "connections"


class MemoryTaken(Overloaded):
    """Other requests hold the memory for decoding until it is too late to start."""

    reason = "decode_memory"


class ResourceExhausted(Unavailable):
    """The machine has run out of memory, descriptors or space; the request was not at fault."""

    reason = "resources"


class DeadlineExceeded(Unavailable):
    """The deadline passed; the work was not started, or its result is dropped."""

    reason = "deadline"


class OperatorError(ThalamusError):
    """A mistake in what is deployed or configured."""


class InvalidBundle(OperatorError):
    """The bundle's files are missing, altered or contradict each other."""


class UnreadableBundle(InvalidBundle):
    """A file of the bundle cannot be read now (EIO, EMFILE, EACCES); a later try may succeed."""


class GoldenMismatch(OperatorError):
    """The bundle's published answers are not reproduced on this machine."""


class ModelOutputInvalid(OperatorError):
    """The graph fails on one item, or its outputs are no answer, such as NaN.

    `index` names the item of a batch. Its text may have the runtime's words: it is for the log.
    """

    reason = "output_invalid"

    def __init__(self, detail: str, index: int | None = None) -> None:
        super().__init__(detail)
        self.index = index


class TrialFailed(OperatorError):
    """The process that tried the bundle crashed, or did not end in time."""


class TrialUnavailable(OperatorError):
    """The bundle could not be tried now, for no fault of its own; a later try may succeed."""


class DeviceUnavailable(OperatorError):
    """The configured device cannot be used on this machine."""


class InvalidKeys(OperatorError):
    """The file of API keys cannot be read or understood, or something cannot be written into it."""


class InvalidRule(OperatorError):
    """A model's `serving.json` cannot be read, or names what is not there."""


class ClusterError(OperatorError):
    """A cluster cannot be used, or a node of it cannot do its work; the text names the node."""


class NotWritten(OperatorError):
    """A file cannot be written; the text says which, where, and what to do."""


def refusal_reasons() -> list[str]:
    """Return the reason of every error class that has one."""
    kinds, found = [ThalamusError], set()
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        found |= {kind.reason} - {""}
    return sorted(found)
