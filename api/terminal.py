"""The built terminal's files; where it was never built, a page that says how."""

from __future__ import annotations

from html import escape
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_MISSING = """<!doctype html><meta charset="utf-8"><title>Undertow</title>
<style>body { background: #0d1014; color: #d7dde4; font: 14px system-ui; margin: 4em auto; max-width: 44em }
code { color: #6ea8fe }</style>
<h1>The terminal is not here</h1>
<p>The gateway runs; only its page is missing: there is no <code>index.html</code> in <code>{directory}</code>.</p>
<p>Where the terminal is built elsewhere, name its directory with <code>API_TERMINAL</code> or
<code>undertow gateway --terminal</code>. Else build it with <code>make up</code>, or in <code>frontend/</code> with
<code>npm ci &amp;&amp; npm run build</code>, and load this page again.</p>
<p>The data is there already: <code>/api/health</code>, <code>/api/flow.alerts</code>, <code>/openapi.json</code>.</p>
"""


class Terminal(StaticFiles):
    """Serves the directory as it is when asked, so that a build needs no restart."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory=directory, html=True, check_dir=False)
        self._root = directory

    async def check_config(self) -> None:
        """A directory that is not there yet is no fault."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Returns the file; the page that says how to build where there is no terminal."""
        if not (self._root / "index.html").exists():
            if path in (".", "index.html"):
                return HTMLResponse(_MISSING.replace("{directory}", escape(str(self._root.resolve()))), 404)
            raise HTTPException(404)
        response = await super().get_response(path, scope)
        # Names of built files hold their digest; the page itself must be asked for again.
        hashed = path.startswith("assets/")
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if hashed else "no-cache"
        return response
