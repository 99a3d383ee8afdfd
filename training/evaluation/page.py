"""The report as one page of HTML that needs nothing else: to look at, to print, to paste from."""

from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from contract.files import replacing
from training.evaluation import pictures
from training.evaluation.natural import NATURAL
from training.evaluation.report import Evidence, Report

_WINDOWS, _PANELS = 6, 12
"""Channels whose windows are drawn at most, and whose distributions are."""

_CAVEATS = {
    "predictive": "The predictive score says little about sequences where the last channel cannot be "
    "forecast or hardly moves: then the best forecast is its median, and any sample with the right "
    "median scores well.",
    "field": "The field's judge is weak: half as many units as channels. Samples that it cannot tell can "
    "be plain to the strong one, so both are shown.",
    "context-fid": "Context-FID depends on its encoder: only figures of one encoder compare. Its floor "
    "rises as windows get fewer. Where the level of a window matters most, it sees little else.",
    "correlation": "The cross-correlation error is a sum over pairs: it grows with the square of the "
    "number of channels, and its floor with the fewness of windows.",
}
_ALWAYS = (
    "No score is 0 for real data. The floor says what real windows score against real ones with these "
    "sizes; a score is good when it is near its floor, not when it is small.",
    "Windows of a series overlap, and random halves of them share rows. So floors are hard to reach, "
    "and memorising would reach them: that is what the test of copies is for. Real windows of other times "
    "are told from real ones by their times alone: beside that figure read a generator's that copies none.",
    "Published figures often come from the best of several checkpoints, chosen by the score itself. "
    "Here no score chose anything.",
    "Papers differ in the judge's batch, layers and rounds; figures compare only if made alike.",
)


def write(path: Path, report: Report, evidence: Evidence) -> None:
    """Write the page."""
    with replacing(path) as file:
        file.write(render(report, evidence).encode())


def render(report: Report, evidence: Evidence) -> str:
    """The page as text."""
    channels = _worst_first(report, evidence)
    panels = channels[:_PANELS]
    left_out = len(channels) - len(panels)
    more = f" The {len(panels)} of {len(channels)} channels with the largest errors." if left_out else ""
    template = Template(files("training.evaluation").joinpath("page.html").read_text(encoding="utf-8"))
    found = report.memorisation
    at_floor = sum(pictures.reach(s) == "at the floor" for s in report.scores)
    return template.substitute(
        title=escape(f"{Path(report.subject.path).name} against {report.data}"),
        subject=_subject(report),
        summary=f"{at_floor} of {len(report.scores)} scores at the floor",
        verdict=found.verdict,
        verdict_class=found.verdict.replace(" ", "-"),
        sentence=escape(found.sentence),
        scores="".join(_score_row(report, i) for i in range(len(report.scores))),
        notes="".join(f"<p class='note'>{escape(n)}.</p>" for n in report.notes),
        windows=_windows(evidence, panels[:_WINDOWS]),
        marginals=pictures.marginals(evidence, panels),
        increments=pictures.increments(evidence, panels),
        autocorrelations=pictures.autocorrelations(evidence, panels),
        correlations=pictures.correlations(evidence) if len(channels) > 1 else "",
        correlation_class="" if len(channels) > 1 else "hidden",
        projections=pictures.projections(evidence),
        nearest=pictures.nearest(evidence, found),
        threshold=f"{found.threshold:.2f}",
        reference="held-out windows" if found.reference == "held-out" else "training windows",
        channels=_channel_rows(report),
        more=more,
        caveats="".join(
            f"<li>{escape(c)}</li>"
            for c in (*_ALWAYS, *(t for n, t in _CAVEATS.items() if n in {s.name for s in report.scores}))
        ),
        about=_about(report),
    )


def _windows(evidence: Evidence, chosen: Sequence[int]) -> str:
    form = evidence.original.dataset.form
    return NATURAL[form](evidence) if form in NATURAL else pictures.windows(evidence, chosen)


def _worst_first(report: Report, evidence: Evidence) -> list[int]:
    """Channels that vary; in their own order if all fit, else by their errors."""
    errors = {c.name: c.marginal + c.increments + c.autocorrelation for c in report.channels}
    moving = [i for i, name in enumerate(evidence.names) if name in errors]
    if len(moving) <= _PANELS:
        return moving
    return sorted(moving, key=lambda i: -errors[evidence.names[i]])


def _subject(report: Report) -> str:
    kind = {"run": "A run", "model": "A model", "samples": "A file of samples"}[report.subject.kind]
    step = f", step {report.subject.step:,}" if report.subject.step is not None else ""
    return escape(
        f"{kind}{step}: {report.samples:,} generated windows of {report.length} steps against "
        f"{report.windows:,} real ones of {report.data}."
    )


def _score_row(report: Report, index: int) -> str:
    score = report.scores[index]
    reach = pictures.reach(score)
    good = " good" if reach == "at the floor" else ""
    alone = report.baseline[index : index + 1]
    title = pictures.title_of(score)
    title += "".join(f"<br><small>likelihood alone {s.value:.4f}</small>" for s in alone)
    other = next((s for s in report.other_times if s.name == score.name), None)
    times = "" if other is None else f"<br><small>of other times {other.value:.4f}</small>"
    return (
        f"<tr><td>{title}</td><td class='strip'>{pictures.score_strip(score)}</td>"
        f"<td class='figure'><b>{score.value:.4f}</b><br><small>± {score.spread:.4f}</small></td>"
        f"<td class='figure'>{score.floor:.4f}<br><small>± {score.floor_spread:.4f}</small>{times}</td>"
        f"<td class='reach{good}'>{reach}</td></tr>"
    )


def _channel_rows(report: Report) -> str:
    kinds = ("marginal", "increments", "autocorrelation")
    tops = [max([getattr(c, k) for c in report.channels], default=0) or 1 for k in kinds]
    rows = []
    for c in report.channels:
        figures = "".join(
            f"<td class='figure'><i style='width:{100 * getattr(c, k) / top:.0f}%'></i>"
            f"{getattr(c, k):.3f}</td>"
            for k, top in zip(kinds, tops, strict=True)
        )
        rows.append(f"<tr><td>{escape(c.name)}</td>{figures}</tr>")
    return "".join(rows)


def _about(report: Report) -> str:
    found = report.memorisation
    facts = {
        "subject": report.subject.path,
        "real data": report.data,
        "fingerprint of the data": report.data_fingerprint,
        "windows": f"{report.windows:,} real, {report.samples:,} generated, {report.length} steps each",
        "test of copies": f"{found.samples:,} samples and {found.references:,} {found.reference} windows "
        f"against {found.training:,} training windows",
        "judges and halves": ", ".join(f"{s.name} {s.judges}" for s in report.scores),
        "seed": str(report.seed),
        "seconds": f"{report.seconds:g}",
        "versions": ", ".join(f"{k} {v}" for k, v in report.versions.items()),
    }
    return "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts.items())
