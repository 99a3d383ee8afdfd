"""The root of every error that a person is meant to read, and the contract's own branch.

    CadenzaError            exit code 1: the work failed
    ├─ UsageError           exit code 2: the command or the call was wrong
    ├─ ConditionError       exit code 2: a condition that the model does not have
    └─ ContractError        the file does not keep the contract
       ├─ SealError         not ours, cut off, or changed since it was sealed
       ├─ SpecError         the Spec does not say what it must
       └─ InterfaceError    the graph and the Spec disagree

A message says what came, what was wanted and what to do.
"""


class CadenzaError(Exception):
    """The work could not be done; the message is for the person who asked for it."""

    exit_code = 1


class UsageError(CadenzaError):
    """What was asked for cannot be asked: a name that is taken, a suffix nobody writes."""

    exit_code = 2


class ContractError(CadenzaError):
    """A model file does not keep the contract."""


class SealError(ContractError):
    """The bytes are not a cadenza model, or not those that were sealed."""


class SpecError(ContractError):
    """The Spec inside the file is missing something, says it wrongly, or is too new."""


class InterfaceError(ContractError):
    """The graph's inputs and outputs are not those that the Spec describes."""


class ConditionError(CadenzaError):
    """A condition was asked for that the model does not have. `field` names the culprit."""

    exit_code = 2

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
