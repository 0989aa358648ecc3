"""The shape of the house: what may import what, and that nothing forbidden stands anywhere."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from barometer.settings import PROJECT

STEPS = {"ingest", "prepare", "classify", "estimate", "check", "release", "serve", "train", "simulate"}
GROUND_FLOOR = {
    "settings",
    "city",
    "city_checks",
    "city_files",
    "tables",
    "lake",
    "ledger",
    "night",
    "errors",
    "indicators",
    "library",
    "configured",
    "explained",
    "published",
    "spreadsheet",
}
CALLERS = {"cli", "ops"}
MAY_IMPORT = {("train", "classify")}
PACKAGE = PROJECT / "barometer"

MODULES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path: Path) -> Iterator[str]:
    """Dotted names of the project's own modules that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("barometer."))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("barometer"):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms_imported(path: Path) -> set[str]:
    return {name.split(".")[1] for name in imports_of(path) if name.count(".")}


@pytest.mark.parametrize("path", MODULES, ids=[str(path.relative_to(PACKAGE)) for path in MODULES])
def test_a_room_imports_only_what_it_may(path: Path) -> None:
    room = room_of(path)
    others = rooms_imported(path) - {room}
    if room in STEPS:
        forbidden = {other for other in others & STEPS if (room, other) not in MAY_IMPORT} | (others & CALLERS)
    elif room in GROUND_FLOOR:
        forbidden = others & (STEPS | CALLERS)
    else:
        forbidden = set()
    assert not forbidden, f"{path.name} imports {forbidden}"


def test_no_imports_go_round_in_a_circle() -> None:
    graph = {module_name(path): {owner for name in imports_of(path) if (owner := owner_of(name))} for path in MODULES}
    done: set[str] = set()

    def visit(module: str, under_way: tuple[str, ...]) -> None:
        assert module not in under_way, " -> ".join((*under_way, module))
        if module not in done:
            for other in graph.get(module, set()) - {module}:
                visit(other, (*under_way, module))
            done.add(module)

    for module in graph:
        visit(module, ())


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")


def owner_of(name: str) -> str:
    """The module that an imported name lives in: the name itself, or what is left of its last dot."""
    for candidate in (name, name.rpartition(".")[0]):
        relative = PROJECT / Path(*candidate.split("."))
        if relative.with_suffix(".py").is_file():
            return candidate
    return ""


def test_dags_are_wiring_only() -> None:
    for path in (PROJECT / "dags").glob("*.py"):
        classes = [n.name for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.ClassDef)]
        assert not classes, f"{path.name} defines {classes}"


@pytest.mark.parametrize("path", MODULES, ids=[str(path.relative_to(PACKAGE)) for path in MODULES])
def test_no_pickle_no_torch_at_run_time_and_no_chance_outside_simulation(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not re.search(r"^\s*(import|from) (pickle|joblib)\b", text, re.MULTILINE)
    if room_of(path) != "train":
        assert not re.search(r"^\s*(import|from) (torch|transformers)\b", text, re.MULTILINE)
    if room_of(path) != "simulate":
        assert not re.search(r"^\s*(import|from) random\b", text, re.MULTILINE)


def tracked_text_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    suffixes = {".py", ".md", ".txt", ".toml", ".yaml", ".yml", ".cfg", ".sh", ".j2", ".js", ".css", ".csv", ""}
    files = (PROJECT / name for name in listed.splitlines())
    return [path for path in files if path.suffix in suffixes and path.is_file() and path.stat().st_size < 3_000_000]


def test_nothing_names_a_registry_host_or_a_path_of_one_machine() -> None:
    hosts = "|".join(re.escape(host) for host in ("py" + "pi.org", "python" + "hosted.org", "registry.npm" + "js.org"))
    forbidden = re.compile(rf"{hosts}|(?<![\w.])/(?:work|farm|root)/[\w.]")
    found = [path.name for path in tracked_text_files() if forbidden.search(path.read_text("utf-8", errors="replace"))]
    assert not found


@pytest.mark.parametrize("name", ["run", "test", "train", "cluster"])
def test_locks_pin_every_package_with_hashes(name: str) -> None:
    text = (PROJECT / "requirements" / f"{name}.txt").read_text("utf-8")
    packages = re.findall(r"^[a-zA-Z0-9].*$", text, re.MULTILINE)
    assert packages
    assert all("==" in package for package in packages)
    assert all(
        "--hash=sha256:" in block for block in re.split(r"^(?=[a-zA-Z0-9])", text, flags=re.MULTILINE) if block.strip()
    )
    assert "--index-url" not in text


def test_no_torch_is_needed_to_run() -> None:
    text = (PROJECT / "requirements" / "run.txt").read_text("utf-8")
    assert not re.search(r"^(torch|nvidia-)", text, re.MULTILINE)
