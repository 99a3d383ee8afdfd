"""The house stands as drawn: arrows point one way, and what must be light is light."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("cadenza", "contract", "export", "serving", "training")
ALLOWED = {
    "contract": set(),
    "training": {"contract"},
    "serving": {"contract"},
    "export": {"contract", "training"},
    "cadenza": {"contract", "training", "export", "serving"},
}


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {a.name.split(".")[0] for a in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("package", PACKAGES)
def test_every_arrow_points_the_right_way(package: str):
    for path in (ROOT / package).rglob("*.py"):
        others = imported(path) & set(PACKAGES) - {package}
        assert others <= ALLOWED[package], path


def test_the_contract_needs_numpy_and_the_standard_library_only():
    for path in (ROOT / "contract").rglob("*.py"):
        assert imported(path) <= set(sys.stdlib_module_names) | {"numpy", "contract"}, path


def modules_after(code: str) -> set[str]:
    """Top-level modules loaded in a fresh interpreter by `code`."""
    code += "\nimport sys; print(' '.join({m.split('.')[0] for m in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "code",
    [
        "import contract.checks, contract.seal, contract.rollout, contract.conditions",
        "import serving.sampler, serving.formats, serving.engine, serving.routes",
        "import serving.service",
        "import cadenza; cadenza.load",
        "import cadenza.checking, cadenza.sampling, cadenza.describe, cadenza.server",
    ],
)
def test_serving_and_the_contract_never_load_torch_or_onnx(code: str):
    assert not modules_after(code) & {"torch", "onnx", "training_data", "matplotlib"}


def test_the_parent_of_the_servers_does_without_the_runtime():
    assert "onnxruntime" not in modules_after("import serving.service")


def test_help_costs_less_than_a_second_of_cpu():
    code = (
        "import resource, sys, contextlib, io; sys.argv = ['cadenza', '--help']\n"
        "from cadenza.cli import main\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()): main()\n"
        "used = resource.getrusage(resource.RUSAGE_SELF); print(used.ru_utime + used.ru_stime)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 1
    assert not modules_after(code) & {"torch", "onnx", "onnxruntime", "bentoml"}


def test_every_package_is_listed_and_no_test_is_installed():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = {
        ".".join(p.parent.relative_to(ROOT).parts)
        for name in PACKAGES
        for p in (ROOT / name).rglob("__init__.py")
    }
    assert set(listed) == found


def test_the_constraints_pin_everything_and_no_local_build():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", pin) for pin in pins)
    assert "torch==2.13.0" in pins


def _pins(name: str) -> set[str]:
    lines = (ROOT / name).read_text().lower().replace("_", "-").splitlines()
    return {line.strip() for line in lines if line.strip() and not line.strip().startswith("#")}


def test_the_image_runs_the_tested_set():
    pins = _pins("serving/requirements.txt")
    assert pins
    assert pins <= _pins("constraints.txt")


def test_the_cuda_image_differs_by_the_runtime_alone():
    pins, cuda = _pins("serving/requirements.txt"), _pins("serving/requirements-cuda.txt")
    (runtime,) = pins - cuda
    assert runtime.startswith("onnxruntime==")
    assert {re.split("[-=]", pin)[0] for pin in cuda - pins} == {"nvidia", "onnxruntime"}
    plain = (ROOT / "bentofile.yaml").read_text().splitlines()
    other = (ROOT / "bentofile.cuda.yaml").read_text().splitlines()
    more = [line for line in other if line not in plain and not line.startswith("#")]
    assert [line.split(":")[0].strip() for line in more] == [
        "requirements_txt", "- name", "value",
    ]  # fmt: skip
