"""The OpenAPI description of every route that exists, from the same bounds as the checks."""

from collections.abc import Sequence
from typing import Any

from contract.spec import Spec
from contract.version import VERSION
from serving.formats import served
from serving.formats import stream as stream_format
from serving.schema import body_schema
from serving.settings import Settings

_ERROR = {"$ref": "#/components/schemas/Error"}
_HEADERS = {
    "X-Cadenza-Seed": "The seed that makes this answer again.",
    "X-Cadenza-Model": "SHA-256 of the model file.",
    "X-Cadenza-Provider": "Where it was computed: cpu or cuda.",
    "X-Cadenza-Version": "Version of the server.",
}
_ASKED: dict[str, tuple[dict[str, Any], str]] = {
    "X-Request-ID": (
        {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
        "A name for this exchange in the log; given back.",
    ),
}
_REFUSALS = {
    400: "The body is not a JSON object, or was lost to an upgrade.",
    401: "This server wants a key: `Authorization: Bearer KEY`.",
    406: "No form in `Accept` can be had; the message lists those that can.",
    408: "The body did not come in time.",
    412: "Another model is served than the one that `X-Cadenza-Model` names.",
    413: "The body is too large.",
    422: "A field is unknown, of the wrong type, or over its bound.",
    429: "More work waits than is allowed; Retry-After says when to come again.",
    500: "The server's fault.",
    503: "Not ready yet, or stopping.",
    504: "Not made in time; the work was stopped.",
}


def describe(spec: Spec, digest: str, settings: Settings, *, locked: bool) -> dict[str, Any]:
    """The document for a model and its limits; `locked`: API keys are wanted."""
    seconds = {"type": "number", "exclusiveMinimum": 0, "maximum": settings.timeout}
    asked = _ASKED | {
        "X-Cadenza-Timeout": (seconds, "Seconds that it may take; of a stream, each chunk."),
        "X-Cadenza-Model": ({"const": digest}, "The model that is wanted: another is a 412."),
    }
    security: dict[str, Any] = {"security": [{"key": []}]} if locked else {}
    refusals = (401, 503) if locked else (503,)
    scheme = {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}} if locked else {}
    sequences = {
        "type": "array",
        "items": {"type": "array", "items": {"type": "array", "items": {}}},
        "description": "sequences, steps, channels",
    }
    answer: dict[str, Any] = {
        "type": "object",
        "required": ["seed", "columns", "sequences"],
        "properties": {
            "seed": {"type": "integer"},
            "columns": {"type": "array", "items": {"type": "string"}},
            "sequences": sequences,
        },
    }
    if spec.conditions:
        answer["required"].append("conditions")
        answer["properties"]["conditions"] = {
            "type": "object",
            "required": [c.name for c in spec.conditions],
            "properties": {c.name: {"type": "array"} for c in spec.conditions},
            "description": "By name what each sequence was made under, asked for or drawn.",
        }
    binary = {"type": "string", "format": "binary"}
    forms = {m: {"schema": answer if m == "application/json" else binary} for m in served(spec)}
    streams = {m: {"schema": binary} for m in stream_format.offered(spec)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"cadenza: {spec.name}",
            "version": VERSION,
            "description": "Sequences from a recurrent generator. The same model, seed, count, "
            "length and condition give the same bytes, alone or in any company.",
        },
        "paths": {
            "/generate": {
                "post": _post("Make sequences.", body_schema(spec, settings, False), forms, asked)
                | security
            },
            "/stream": {
                "post": _post(
                    "Make sequences and send them as they are made, up to no end.",
                    body_schema(spec, settings, True),
                    streams,
                    asked,
                )
                | security
            },
            "/model": {"get": _get("Spec, limits and provider.", "application/json", refusals) | security},
            "/metrics": {"get": _get("Prometheus metrics.", "text/plain")},
            "/docs.json": {"get": _get("This document.", "application/json", refusals) | security},
            "/livez": {"get": _probe("Whether the process lives.")},
            "/healthz": {"get": _probe("The same.")},
            "/readyz": {"get": _probe("Whether requests are answered: 503 until warm, and when stopping.")},
            "/schema.json": {"get": _get("BentoML's own schema.", "application/json")},
            "/": {"get": _get("The playground.", "text/html")},
        },
        "components": scheme
        | {
            "schemas": {
                "Error": {
                    "type": "object",
                    "required": ["error"],
                    "properties": {
                        "error": {
                            "type": "object",
                            "required": ["code", "message", "field"],
                            "properties": {
                                "code": {"type": "string"},
                                "message": {"type": "string"},
                                "field": {"type": ["string", "null"]},
                            },
                        }
                    },
                }
            }
        },
    }


def _post(
    summary: str,
    schema: dict[str, Any],
    forms: dict[str, Any],
    asked: dict[str, tuple[dict[str, Any], str]],
) -> dict[str, Any]:
    headers = {name: {"description": d, "schema": {"type": "string"}} for name, d in _HEADERS.items()}
    refusals: dict[str, Any] = {
        str(code): {"description": d, "content": {"application/json": {"schema": _ERROR}}}
        for code, d in _REFUSALS.items()
    }
    refusals["429"]["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    return {
        "summary": summary,
        "parameters": [
            {"name": name, "in": "header", "schema": kind, "description": about}
            for name, (kind, about) in asked.items()
        ],
        "requestBody": {"content": {"application/json": {"schema": schema}}},
        "responses": {"200": {"description": "The samples.", "headers": headers, "content": forms}}
        | refusals,
    }


def _get(summary: str, media: str, refusals: Sequence[int] = ()) -> dict[str, Any]:
    responses: dict[str, Any] = {"200": {"description": summary, "content": {media: {}}}}
    for code in refusals:
        responses[str(code)] = {
            "description": _REFUSALS[code],
            "content": {"application/json": {"schema": _ERROR}},
        }
    return {"summary": summary, "responses": responses}


def _probe(summary: str) -> dict[str, Any]:
    return {
        "summary": summary,
        "responses": {"200": {"description": "Yes."}, "503": {"description": "No."}},
    }
