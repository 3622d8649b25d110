"""What the trials in tools/ share: real servers, a proxy before them, faults, and digests of what stands in the end.

The trials start the servers that the tests start, with the tests' own helpers.
"""

from __future__ import annotations

import sys
import types
from pathlib import Path

ROOT = Path(__file__).parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))
# A vendor's package brings a `tests` of its own, which would win over a folder without __init__.py.
if "tests" not in sys.modules:
    sys.modules["tests"] = types.ModuleType("tests")
    sys.modules["tests"].__path__ = [str(ROOT / "tests")]
