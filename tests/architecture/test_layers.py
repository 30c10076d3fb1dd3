"""Who may import whom (the contracts stand in pyproject.toml)."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
INNERMOST = ("app.domain", "app.exceptions")


def _imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "."


def test_imports_keep_to_the_layers() -> None:
    program = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_innermost_layers_stand_on_the_standard_library_alone() -> None:
    files = [
        f for package in ("domain", "exceptions") for f in (ROOT / "app" / package).glob("*.py")
    ]
    assert len(files) > 10
    foreign = {
        (file.name, name)
        for file in files
        for name in _imports(file)
        if name.partition(".")[0] not in sys.stdlib_module_names and not name.startswith(INNERMOST)
    }
    assert foreign == set()
