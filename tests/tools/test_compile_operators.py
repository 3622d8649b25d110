"""What is compiled, and what a machine that cannot compile is told."""

from __future__ import annotations

import ast
import importlib.util
import os
from pathlib import Path
from types import ModuleType

import pytest

_TOOL = Path(__file__).parents[2] / "tools" / "compile_operators.py"


def load_tool() -> ModuleType:
    """Returns the tool as a module."""
    spec = importlib.util.spec_from_file_location("compile_operators", _TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tool() -> ModuleType:
    return load_tool()


def test_a_machine_without_a_compiler_is_told_so_and_goes_on(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tool, "compiled_directory", lambda: tmp_path / "build" / "digest.platform")
    monkeypatch.setattr(tool.shutil, "which", lambda name: None)
    tool.main()
    assert capsys.readouterr().out.count("\n") == 1
    assert "a C compiler" in tool.missing()
    assert not (tmp_path / "build").exists()


def test_types_that_snapshots_are_read_into_are_never_compiled(tool: ModuleType) -> None:
    """A class that msgspec decodes keeps its annotations only as a source; these three modules hold them all."""
    room = tool.ROOT / "operators"
    decoded = set()
    for path in room.rglob("*.py"):
        if "Decoder(" in path.read_text():
            decoded |= _named_in_decoders(path)
    declared = {name for each in tool.LEFT_OUT for name in _classes(room / each)}
    assert decoded
    assert decoded <= declared
    structs = {path.name for path in room.rglob("*.py") if "array_like=True" in path.read_text()}
    assert structs <= set(tool.LEFT_OUT)


def _named_in_decoders(path: Path) -> set[str]:
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    decoders = [node for node in calls if isinstance(node.func, ast.Attribute) and node.func.attr == "Decoder"]
    names = {
        name.id for node in decoders for each in node.args for name in ast.walk(each) if isinstance(name, ast.Name)
    }
    return names - {"list", "dict", "tuple"}


def _classes(path: Path) -> set[str]:
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef)}


def test_only_the_newest_forms_are_kept(tool: ModuleType, tmp_path: Path) -> None:
    for number in range(7):
        made = tmp_path / f"{number}.platform"
        made.mkdir()

        os.utime(made, (number, number))
    (tmp_path / "other.machine").mkdir()
    tool.forget(tmp_path / "6.platform")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "3.platform", "4.platform", "5.platform", "6.platform", "other.machine",
    ]  # fmt: skip
