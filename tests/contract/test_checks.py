"""The checks pass on a sound generator and fail on each kind of broken one."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from contract import checks
from contract.rollout import Array, Arrays
from contract.spec import Spec
from serving.session import Session


@pytest.fixture
def spec(session: Session) -> Spec:
    return session.spec


def outcome(spec: Spec, run: object, name: str) -> checks.Check:
    return next(c for c in checks.checks(spec, run) if c.name == name)


def test_all_pass_on_a_sound_model(session: Session):
    outcomes = list(checks.checks(session.spec, session.run))
    assert [c.name for c in outcomes if not c.passed] == []
    assert all(c.figure == 0 for c in outcomes)


def test_a_frozen_axis_is_found(session: Session):
    def run(feeds: Mapping[str, Array]) -> Arrays:
        out = session.run(feeds)
        return {k: v[:, :24] if k == "values" else v for k, v in out.items()}

    check = checks.grid(session.spec, run)
    assert not check.passed
    assert "steps 25" in check.detail


def test_values_out_of_range_are_found(session: Session):
    def run(feeds: Mapping[str, Array]) -> Arrays:
        out = session.run(feeds)
        return out | {"values": out["values"] * 50}

    assert "leaves its range" in checks.grid(session.spec, run).detail


def test_a_state_that_is_not_carried_is_found(session: Session):
    def run(feeds: Mapping[str, Array]) -> Arrays:
        return session.run(dict(feeds) | {"state.h": np.zeros_like(feeds["state.h"])})

    assert not checks.chunks_equal_whole(session.spec, run).passed


def test_neighbours_that_matter_are_found(session: Session):
    def run(feeds: Mapping[str, Array]) -> Arrays:
        out = session.run(feeds)
        shift = np.float32(1e-6) * len(feeds["position"])
        return out | {"values": out["values"] + shift}

    assert not checks.alone_equals_company(session.spec, run).passed


def test_a_state_that_leaks_into_the_beginning_is_found(session: Session):
    def run(feeds: Mapping[str, Array]) -> Arrays:
        out = session.run(feeds)
        return out | {"values": out["values"] + 0 * feeds["state.total"][:, None, :1]}

    assert not checks.position_zero_starts_anew(session.spec, run).passed


def test_another_model_is_not_the_reference(spec: Spec, session: Session):
    moved = replace(spec.reference, values=tuple(v * 1.01 for v in spec.reference.values))
    check = checks.reference(replace(spec, reference=moved), session.run)
    assert not check.passed


def test_another_noise_stream_is_found(spec: Spec, session: Session):
    other = replace(spec, noise=replace(spec.noise, digest="0" * 64))
    assert not checks.noise_is_as_sealed(other).passed
