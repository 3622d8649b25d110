"""Compiled code finds fields of structs and names of modules at once, and else does what CPython does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools.test_compile_operators import load_tool

_COMPILED = """
from typing import Any

def get(thing: Any) -> Any:
    return thing.field

def put(thing: Any, value: Any) -> None:
    thing.field = value

def less(one: Any, other: Any) -> Any:
    return one < other, one <= other, one == other, one != other, one > other, one >= other

def sums(one: Any, other: Any) -> Any:
    return one + other, one - other, one * other

from undertow_named import named

def call() -> Any:
    return named()

def forget() -> None:
    global named
    del named
"""
_USED = """
import gc, sys, weakref
from msgspec import Struct
import undertow_sample
from undertow_sample import call, forget, get, less, put, sums

assert __import__("undertow_sample").__file__.endswith(".so")

class Plain(Struct, gc=False):
    before: int = 1
    field: float | None = None
class Tracked(Struct):
    field: object = None
class Frozen(Struct, frozen=True):
    field: int = 3
class Slots:
    __slots__ = ("field",)
class Dictionary:
    pass
class Property:
    field = property(lambda self: "found")
class Own(Slots):
    __slots__ = ()
    def __getattribute__(self, name): return "own"
    def __setattr__(self, name, value): raise TypeError("no")

def raises(kind, call, *arguments):
    try:
        call(*arguments)
    except kind:
        return True
    return False

plain = Plain()
for value in (1.5, None, "text", 1.5):
    put(plain, value)
    assert get(plain) is value and plain.before == 1
for _ in range(3):
    assert get(Frozen()) == 3 and raises(AttributeError, put, Frozen(), 4)
    assert get(Property()) == "found" and raises(AttributeError, put, Property(), 4)
    assert raises(AttributeError, get, Slots()) and raises(AttributeError, get, 5) and raises(AttributeError, put, 5, 1)
    assert get(Own()) == "own" and raises(TypeError, put, Own(), 4)
thing = Dictionary()
put(thing, 7)
assert get(thing) == thing.field == 7

# A slot that was emptied, and one that was filled.
slots = Slots()
put(slots, 1)
put(slots, 2)
assert get(slots) == get(slots) == 2
del slots.field
assert raises(AttributeError, get, slots)

# A type that changes under a place that knows it, in itself or in what it inherits from.
class Child(Slots):
    __slots__ = ()
child = Child()
put(child, 1)
put(child, 2)
assert get(child) == get(child) == 2
Child.field = property(lambda self: "changed", lambda self, value: None)
put(child, 3)
assert get(child) == "changed"
del Child.field
assert get(child) == 2

# What is put in place of another is let go, and a cycle through a tracked struct is found.
class Let: pass
let = Let()
gone = weakref.ref(let)
put(plain, let)
del let
put(plain, None)
assert gone() is None
for _ in range(3):
    tracked, let = Tracked(), Let()
    let.tracked = tracked
    put(tracked, let)
    gone = weakref.ref(let)
    del tracked, let
    gc.collect()
    assert gone() is None
before = sys.getrefcount(plain)
for _ in range(1000):
    put(plain, 2.5), get(plain)
assert sys.getrefcount(plain) == before

# More types than a place tries.
for _ in range(200):
    class Other(Struct, gc=False):
        field: int = 9
    assert get(Other()) == 9
    assert get(plain) == 2.5

# A name of the module that stands for something else, for what is let go then, and for nothing any more.
assert call() == call() == "as imported"
class Counted:
    def __call__(self): return "replaced"
counted = Counted()
gone = weakref.ref(counted)
undertow_sample.named = counted
del counted
assert call() == call() == "replaced"
undertow_sample.other = 1
assert call() == "replaced"
undertow_sample.named = lambda: "again"
assert gone() is None and call() == call() == "again"
before = sys.getrefcount(undertow_sample.named)
for _ in range(1000):
    call()
assert sys.getrefcount(undertow_sample.named) == before
forget()
assert raises((NameError, KeyError), call) and raises((NameError, KeyError), call)
undertow_sample.named = lambda: "back"
assert call() == "back"

numbers = (0.0, -0.0, 1.5, float("nan"), float("inf"), 3, 2**70, True)
for one in numbers:
    for other in numbers:
        assert less(one, other) == (one < other, one <= other, one == other, one != other, one > other, one >= other)
        assert repr(sums(one, other)) == repr((one + other, one - other, one * other))
assert raises(TypeError, less, 1.5, "text") and raises(TypeError, sums, 1.5, None)
"""


def test_compiled_code_gets_and_puts_what_cpython_does(tmp_path: Path) -> None:
    tool = load_tool()
    if lacks := tool.missing():
        pytest.skip(f"needs {lacks}")
    (tmp_path / "undertow_sample.py").write_text(_COMPILED)
    (tmp_path / "undertow_named.py").write_text('def named() -> str:\n    return "as imported"\n')
    command = [sys.executable, str(tool.__file__), str(tmp_path / "made"), "undertow_sample.py"]
    built = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    # Nobody asks for it where mypyc looks up a module's names in another form than the one that is replaced.
    assert any(b"undertow_known" in made.read_bytes() for made in (tmp_path / "made").rglob("*.so"))
    (tmp_path / "undertow_named.py").rename(tmp_path / "made" / "undertow_named.py")
    used = subprocess.run(
        [sys.executable, "-c", _USED], cwd=tmp_path / "made", capture_output=True, text=True, check=False
    )
    assert used.returncode == 0, used.stderr
