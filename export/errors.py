"""What can go wrong between a checkpoint and a sealed file."""

from contract.errors import CadenzaError


class ExportError(CadenzaError):
    """The file cannot be written, or what came out does not keep the contract."""
