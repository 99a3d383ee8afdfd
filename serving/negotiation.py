"""Which media type an answer has: `Accept` against what there is (RFC 9110, section 12.5.1)."""

from collections.abc import Sequence

from serving.errors import NotAcceptable


def choose(accept: str | None, offered: Sequence[str]) -> str:
    """The offered type with the highest quality; among equals, the one offered first.

    Raises:
        NotAcceptable: none of `offered` is accepted.
    """
    if accept is not None and accept in offered:
        return accept  # as it mostly is
    ranges = [_parse(part) for part in (accept or "*/*").split(",") if part.strip()]
    rated = [(_quality(kind, ranges), kind) for kind in offered]
    best, kind = max(rated, key=lambda pair: pair[0])
    if best <= 0:
        raise NotAcceptable(
            f"{accept!r} cannot be had; this model's answers are {', '.join(offered)}", "Accept"
        )
    return kind


def gzip_asked(accept_encoding: str | None) -> bool:
    """Whether a client names gzip as a coding that it takes; `*` names nothing."""
    ranges = [_parse(part) for part in (accept_encoding or "").split(",")]
    return any(kind in ("gzip", "x-gzip") and quality > 0 for kind, quality in ranges)


def _parse(part: str) -> tuple[str, float]:
    """A media range and its quality; what is not a number counts as nothing."""
    kind, *parameters = (p.strip().lower() for p in part.split(";"))
    quality = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                quality = float(value)
            except ValueError:
                quality = 0.0
            if not 0 <= quality <= 1:  # nor is it one, of NaN
                quality = 0.0
    return kind, quality


def _quality(kind: str, ranges: Sequence[tuple[str, float]]) -> float:
    """Of the ranges that cover `kind`, the most specific one decides."""
    family = kind.split("/", maxsplit=1)[0] + "/*"
    for pattern in (kind, family, "*/*"):
        qualities = [q for r, q in ranges if r == pattern]
        if qualities:
            return max(qualities)
    return 0.0
