"""What can go wrong while serving. Each error carries its HTTP status and a stable code.

The caller's mistake is 4xx and names the field. What is ours is 500, says nothing of the
inside, and is logged in full.
"""

from contract.errors import CadenzaError, UsageError


class ServingError(CadenzaError):
    """Something that an HTTP answer can say."""

    status = 500
    code = "internal"

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class InvalidRequest(ServingError):
    """A field is missing, of the wrong type, or over its bound."""

    status, code, exit_code = 422, "invalid", 2


class Unauthorized(ServingError):
    """This server wants an API key, and none that it knows came."""

    status, code = 401, "unauthorized"


class ModelChanged(ServingError):
    """The request names the model that it wants, and another is served."""

    status, code = 412, "model_changed"


class NotJson(ServingError):
    """The body is not a JSON object."""

    status, code = 400, "not_json"


class BodyLost(ServingError):
    """Less of the body came through than was sent."""

    status, code = 400, "body_lost"


class BodyTooSlow(ServingError):
    """The body did not come in the time that an answer may take."""

    status, code = 408, "body_too_slow"


class BodyTooLarge(ServingError):
    """The body is longer than any request that could be answered."""

    status, code = 413, "body_too_large"


class NotAcceptable(ServingError):
    """None of the media types in `Accept` can be had; the message lists those that can."""

    status, code = 406, "not_acceptable"


class NotFound(ServingError):
    """There is no such route."""

    status, code = 404, "not_found"


class MethodNotAllowed(ServingError):
    """The route is there, for the method `allowed`."""

    status, code = 405, "method_not_allowed"

    def __init__(self, message: str, allowed: str) -> None:
        super().__init__(message)
        self.allowed = allowed


class QueueFull(ServingError):
    """More work is waiting than is allowed; `retry_after` seconds would make room."""

    status, code = 429, "queue_full"

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class HeldFull(QueueFull):
    """More answers are in memory, made or not read yet, than is allowed."""

    code = "held_full"


class Starting(ServingError):
    """The model is being loaded and warmed up."""

    status, code = 503, "starting"


class Stopping(ServingError):
    """The server finishes what it has accepted and takes nothing new."""

    status, code = 503, "stopping"


class TimedOut(ServingError):
    """The answer was not ready in time; its work was stopped."""

    status, code = 504, "timeout"


class Cancelled(ServingError):
    """The one who asked has left; nobody reads this."""

    status, code = 499, "cancelled"


class ProviderError(ServingError):
    """The execution provider that was asked for does not run here."""


class WriteError(CadenzaError):
    """A file of samples cannot be written: the disk is full, or the folder is not there."""


class FormatError(UsageError):
    """No writer for such a file, or this model's samples cannot be held by it."""


def reasons(kind: type[ServingError] = ServingError) -> list[str]:
    """The codes of all errors."""
    below = (code for one in kind.__subclasses__() for code in reasons(one))
    return sorted({kind.code, *below})
