"""Bytes that were not sealed are refused before anything parses them."""

import random
from pathlib import Path

import onnx
import pytest

from contract.errors import ContractError, SealError, SpecError
from contract.seal import DIGEST_KEY, SPEC_KEY, UNSEALED, load, seal, verify
from tests.conftest import cadenza


def test_onnx_itself_reads_the_same_metadata(model: Path):
    artifact = load(model)
    props = {p.key: p.value for p in onnx.load(model).metadata_props}
    assert props[DIGEST_KEY] == artifact.digest
    assert props[SPEC_KEY] == artifact.spec.to_json()


def test_every_single_flipped_bit_is_noticed(model: Path, tmp_path: Path):
    data, chance = model.read_bytes(), random.Random(1)
    positions = [*range(64), *range(len(data) - 64, len(data))]
    positions += [chance.randrange(len(data)) for _ in range(300)]
    for at in positions:
        flipped = bytearray(data)
        flipped[at] ^= 1 << chance.randrange(8)
        path = tmp_path / "flipped.onnx"
        path.write_bytes(flipped)
        with pytest.raises(ContractError):
            load(path)


def test_every_truncation_is_noticed(model: Path, tmp_path: Path):
    data = model.read_bytes()
    for size in (0, 1, 2, 10, 1000, len(data) // 2, len(data) - 70, len(data) - 1):
        path = tmp_path / "short.onnx"
        path.write_bytes(data[:size])
        with pytest.raises(SealError):
            load(path)


def test_an_onnx_file_of_others_is_not_ours(tmp_path: Path):
    path = tmp_path / "other.onnx"
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([], "g", [], [])), path)
    with pytest.raises(SealError, match="no cadenza model"):
        load(path)


@pytest.mark.parametrize("content", [b"", b"hello, world", b"\xff" * 100, b"PK\x03\x04" + b"\0" * 50])
def test_rubbish_is_refused(content: bytes, tmp_path: Path):
    path = tmp_path / "rubbish.onnx"
    path.write_bytes(content)
    with pytest.raises(SealError, match=str(path)):
        load(path)


def test_a_missing_file_is_said(tmp_path: Path):
    with pytest.raises(SealError, match="No such file"):
        load(tmp_path / "none.onnx")


def resealed(model: Path, path: Path, old: str, new: str) -> Path:
    """A whole, sealed file whose Spec says something else."""
    proto = onnx.load(model)
    props = {p.key: p.value for p in proto.metadata_props}
    assert old in props[SPEC_KEY]
    props = {SPEC_KEY: props[SPEC_KEY].replace(old, new), DIGEST_KEY: UNSEALED}
    onnx.helper.set_model_props(proto, props)
    path.write_bytes(seal(proto.SerializeToString(deterministic=True)))
    return path


def test_a_newer_schema_is_told_apart_from_damage(model: Path, tmp_path: Path):
    path = resealed(model, tmp_path / "new.onnx", '"schema_version":1', '"schema_version":9')
    with pytest.raises(SpecError, match="upgrade cadenza"):
        load(path)


def test_a_seal_is_put_on_once(model: Path):
    with pytest.raises(SealError, match="already"):
        seal(model.read_bytes())
    assert verify(model.read_bytes())


@pytest.mark.parametrize("command", ["inspect", "check", "serve"])
def test_the_command_line_says_what_is_wrong_with_a_file(command: str, model: Path, tmp_path: Path):
    path = tmp_path / "bad.onnx"
    path.write_bytes(model.read_bytes()[:5000])
    done = cadenza(command, path)
    assert done.returncode == 1
    assert str(path) in done.stderr
    assert "Traceback" not in done.stderr
