"""`/docs`: the admin API as a page, and `/internal/openapi.json`: as a document.

Both are made of the code alone and need no key; nothing is loaded from elsewhere.
"""

import functools
import html
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from functions.key_admin.openapi import document
from functions.key_admin.operation import Operation

_STYLE = """
body { font: 15px/1.5 ui-sans-serif, system-ui, sans-serif; margin: 0 auto; max-width: 60rem;
       padding: 1rem; color: #0f172a; background: #fff }
h1 { font-size: 1.5rem } h2 { margin-top: 2.5rem; border-bottom: 1px solid #cbd5e1 }
details { border: 1px solid #cbd5e1; border-radius: 6px; margin: .5rem 0; padding: .5rem .75rem }
summary { cursor: pointer } code, pre { font-family: ui-monospace, monospace; font-size: .9em }
pre { background: #f1f5f9; padding: .75rem; overflow-x: auto; border-radius: 6px }
.method { display: inline-block; min-width: 4.5rem; font-weight: 600 }
table { border-collapse: collapse } td, th { text-align: left; padding: .15rem .75rem .15rem 0;
vertical-align: top } nav a { margin-right: 1rem }
@media (prefers-color-scheme: dark) { body { background: #0f172a; color: #e2e8f0 }
pre { background: #1e293b } a { color: #93c5fd } }
"""
_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    "x-content-type-options": "nosniff",
}


class Docs:
    """The page and the document of these operations, made once."""

    def __init__(self, operations: tuple[Operation, ...]) -> None:
        self._operations = operations

    async def page(self, request: Request) -> Response:
        """The page."""
        del request
        return HTMLResponse(self._page, headers=_HEADERS)

    async def openapi(self, request: Request) -> Response:
        """The document."""
        del request
        return JSONResponse(self._document)

    @functools.cached_property
    def _document(self) -> dict[str, Any]:
        return document(self._operations)

    @functools.cached_property
    def _page(self) -> str:
        tags = list(dict.fromkeys(operation.tag for operation in self._operations))
        links = "".join(f'<a href="#{tag}">{tag}</a>' for tag in tags)
        parts = "".join(self._section(tag) for tag in tags)
        return (
            "<!doctype html><html lang='en'><meta charset='utf-8'>"
            "<meta name='viewport' content='width=device-width'>"
            f"<title>Relay admin API</title><style>{_STYLE}</style>"
            "<h1>Relay admin API</h1><p>Every call takes the master key, or the token of a "
            "session or of a service account, as <code>Authorization: Bearer</code>; errors are "
            "problem details (RFC 9457). "
            '<a href="/internal/openapi.json">openapi.json</a></p>'
            f"<nav>{links}</nav>{parts}</html>"
        )

    def _section(self, tag: str) -> str:
        entries = "".join(
            self._entry(operation) for operation in self._operations if operation.tag == tag
        )
        return f'<h2 id="{tag}">{tag}</h2>{entries}'

    def _entry(self, operation: Operation) -> str:
        described = self._document["paths"][operation.path][operation.method.lower()]
        rows = "".join(
            f"<tr><td><code>{_escaped(one['name'])}</code></td><td>{one['in']}</td>"
            f"<td>{_escaped(_kind(one['schema']))}</td></tr>"
            for one in described["parameters"]
        )
        answers = "".join(
            f"<tr><td>{status}</td><td>{_escaped(answer['description'])}</td></tr>"
            for status, answer in described["responses"].items()
        )
        shapes = "".join(
            f"<p>{words}</p><pre>{_escaped(json.dumps(model.model_json_schema(), indent=2))}</pre>"
            for words, model in (("Body", operation.body), ("Answer", operation.answer))
            if model is not None
        )
        return (
            f"<details><summary><span class='method'>{operation.method}</span>"
            f"<code>{_escaped(operation.path)}</code> {_escaped(operation.summary)}</summary>"
            f"<p>{_escaped(described['description'])}</p>"
            f"<table>{rows}</table><table>{answers}</table>{shapes}</details>"
        )


def _kind(schema: dict[str, Any]) -> str:
    kinds = schema.get("anyOf", [schema])
    text = " or ".join(str(kind.get("format") or kind.get("type", "any")) for kind in kinds)
    if "enum" in schema:
        text = ", ".join(schema["enum"])
    return f"{text}; default {schema['default']}" if "default" in schema else text


def _escaped(text: str) -> str:
    return html.escape(text)
