"""What is agreed on of every module: checked by tools where there is one."""

import ast
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
MODULES = sorted((PROJECT / "cellid").rglob("*.py"))
LONGEST = 350
# A path of one machine: such files are missing on every other
MACHINE_PATH = re.compile(r"(?<![\w./])/(?:home|Users|root|mnt|scratch)/\w|[A-Z]:\\\\?Users")


def run(*command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_finds_nothing() -> None:
    run("ruff", "check", ".")


def test_everything_is_formatted() -> None:
    run("ruff", "format", "--check", ".")


def test_types_hold() -> None:
    run("mypy")


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_no_module_is_long(module: Path) -> None:
    assert len(module.read_text(encoding="utf-8").splitlines()) <= LONGEST


def public(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    """Yield the public functions and classes of a module, and their public methods."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from (
                    part
                    for part in node.body
                    if isinstance(part, ast.FunctionDef) and not part.name.startswith("_")
                )


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_what_is_public_is_documented(module: Path) -> None:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    bare = [node.name for node in public(tree) if not ast.get_docstring(node)]
    assert not bare


def tracked() -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    if listing.returncode:
        pytest.skip("not a git checkout")
    return [PROJECT / name for name in listing.stdout.split("\0") if name]


def test_no_path_of_a_machine_is_in_the_repository() -> None:
    found = []
    for path in tracked():
        if not path.is_file() or path == Path(__file__).resolve():
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # an image
        found += [f"{path}: {match.group()}" for match in MACHINE_PATH.finditer(text)]
    assert not found


@pytest.mark.parametrize(
    ("text", "is_path"),
    [
        ('"/home/ada/data"', True),
        (r"C:\\Users\\ada", True),
        ("https://example.org/home/page", False),
    ],
)
def test_a_path_of_a_machine_is_recognised(text: str, is_path: bool) -> None:
    assert bool(MACHINE_PATH.search(text)) == is_path


def test_the_conda_environment_is_that_of_setup_cfg() -> None:
    source = PROJECT / "data_pipeline" / "environment_file.py"
    spec = importlib.util.spec_from_file_location("environment_file", source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = (PROJECT / "environment.yml").read_text(encoding="utf-8")
    assert written == module.render()
    assert "keras" in written
