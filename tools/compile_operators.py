"""Compiles `operators` with mypyc, and what writes and reads events as lines, for speed alone: `make compiled`.

What is compiled is the same code under the same types; tests/operators/test_compiled.py holds its bytes against those
of the sources, tests/events what events/lines.c and events/reading.c do against msgspec. Where there is no C compiler,
or Python's headers are missing, it says so in a line and makes nothing.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from events.code import compiled_directory  # noqa: E402

#: Types that msgspec reads back by their annotations, which mypyc does not keep; and the package's own door.
LEFT_OUT = ("__init__.py", "memory.py", "merge_state.py", "partition_state.py", "shard_state.py", "work.py")
#: How mypyc looks up a name of a module: its globals, the name, the look-up.
_GLOBAL = re.compile(r"(= CPyStatic_(?:\w+___)?globals;\n.* = CPyStatics\[\d+\];.*\n.* = )CPyDict_GetItem(?=\()")
#: Compiled forms that are kept, today's among them.
KEPT = 4


def missing() -> str:
    """Returns what keeps this machine from compiling, empty when nothing does."""
    if not any(map(shutil.which, ("cc", "gcc", "clang"))):
        return "a C compiler"
    if not (Path(sysconfig.get_paths()["include"]) / "Python.h").is_file():
        return "Python's headers"
    return ""


def modules() -> list[str]:
    """Returns the files that are compiled, relative to the root."""
    room = ROOT / "operators"
    left_out = [room / name for name in LEFT_OUT]
    return sorted(str(path.relative_to(ROOT)) for path in room.rglob("*.py") if path not in left_out)


def build(into: Path, sources: Sequence[str]) -> None:
    """Compiles into a directory, fields of structs and names of modules behind inline caches.

    Raises SystemExit where a source cannot be compiled.
    """
    from mypyc.build import mypycify
    from setuptools import Extension, setup

    with tempfile.TemporaryDirectory(prefix="undertow-compiled-") as scratch:
        extensions = mypycify(list(sources), opt_level="2", debug_level="0", target_dir=f"{scratch}/c")
        for made in Path(scratch, "c").rglob("*.c"):
            made.write_text(_GLOBAL.sub(r"\1undertow_global", made.read_text()))
        for extension in extensions:
            # A compiler may join a product and a sum into one operation that rounds once, where Python rounds twice.
            extension.extra_compile_args.append("-ffp-contract=off")
            # What is called within stays within: no detour through tables for whoever might replace it.
            extension.extra_compile_args += ["-fno-semantic-interposition", "-fvisibility=hidden"]
            extension.extra_compile_args += ["-include", str(Path(__file__).with_name("inline_caches.h"))]
        options = ["-O2", "-g0", "-ffp-contract=off", "-fvisibility=hidden"]
        # Where one of them cannot be compiled, msgspec does it.
        for source in sorted((ROOT / "events").glob("*.c")):
            extensions.append(
                Extension(f"undertow_{source.stem}", [str(source)], extra_compile_args=options, optional=True)
            )
        commands = ["--quiet", "build_ext", "--build-lib", str(into), "--build-temp", f"{scratch}/o"]
        setup(name="undertow-operators", ext_modules=extensions, script_args=commands, packages=[])


def main() -> None:
    """Compiles today's sources unless that was done; where it cannot be, says so: nothing else waits for it."""
    target = compiled_directory()
    if target.is_dir():
        return
    if lacks := missing():
        print(f"undertow: operators run as they are, which is slower: {lacks} to compile them is not here")
        return
    os.chdir(ROOT)
    print("undertow: compiling operators (once, about a minute)", flush=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="draft-", dir=target.parent) as draft:
        made = Path(draft) / "made"
        # In a process of its own: mypyc says much, and ends the process where it finds a fault.
        command = [sys.executable, __file__, str(made), *modules()]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(done.stdout + done.stderr, file=sys.stderr)
            print("undertow: operators could not be compiled, so they run as they are", file=sys.stderr)
            return
        # Another may have made it meanwhile; either is as good.
        with suppress(OSError):
            made.rename(target)
    forget(target)


def forget(newest: Path) -> None:
    """Removes what was made of earlier sources, but for the last few: a process may still run from them."""
    made = sorted(newest.parent.glob(f"*{newest.suffix}"), key=lambda path: path.stat().st_mtime)
    for older in made[:-KEPT]:
        shutil.rmtree(older, ignore_errors=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        build(Path(sys.argv[1]), sys.argv[2:])
    else:
        main()
