"""`cadenza check`: the contract's checks on this machine, with nothing of torch."""

import json
from dataclasses import asdict
from pathlib import Path

import onnxruntime

from contract import checks
from contract.errors import CadenzaError
from contract.seal import load
from serving.session import Session


def check_model(path: Path, *, as_json: bool) -> None:
    """Print every check's outcome.

    Raises:
        ContractError: the file cannot be trusted at all.
        CadenzaError: a check failed.
    """
    artifact = load(path)
    session = Session(artifact, "cpu")
    outcomes = [
        checks.Check("seal", passed=True, figure=0.0, detail=f"sha256 {artifact.digest[:12]}…"),
        checks.Check("graph = Spec", passed=True, figure=0.0, detail="names, types and axes; none frozen"),
    ]
    # A progress bar would be longer than the work; each line appears when its check is done.
    if not as_json:
        print(f"{path} on onnxruntime {onnxruntime.__version__}, CPU")
        for outcome in outcomes:
            _say(outcome)
    for outcome in checks.checks(artifact.spec, session.run):
        outcomes.append(outcome)
        if not as_json:
            _say(outcome)
    failed = [c.name for c in outcomes if not c.passed]
    if as_json:
        report = {"model": str(path), "digest": artifact.digest, "passed": not failed}
        print(json.dumps(report | {"checks": [asdict(c) for c in outcomes]}, indent=2))
    if failed:
        raise CadenzaError(f"{path} does not keep its promises here: {', '.join(failed)}")


def _say(outcome: checks.Check) -> None:
    print(f"  {'ok  ' if outcome.passed else 'FAIL'} {outcome.name:<20} {outcome.detail}", flush=True)
