"""Prometheus metrics: what a person on call needs, in a registry of our own.

They are counted in plain dicts and put into Prometheus' form when they are asked for. The client library's
own counters take a lock each, and a page of a file once BentoML has set it up for several processes: ten
of them a request cost more than a request's own handler. Each of ours is written by one thread.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from contract.version import VERSION
from serving.engine import Engines
from serving.errors import reasons
from serving.held import Held

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)
_TICK_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
_TICK_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)


class _Counter:
    def __init__(self, name: str, about: str, labels: Sequence[str]) -> None:
        self._about = name, about, labels
        self._counts: dict[tuple[str, ...], float] = defaultdict(float)

    def add(self, *labels: str, amount: float = 1) -> None:
        """Count so much more."""
        self._counts[labels] += amount

    def family(self) -> Metric:
        """As Prometheus knows it."""
        name, about, labels = self._about
        family = CounterMetricFamily(name, about, labels=labels)
        for key, count in list(self._counts.items()):
            family.add_metric(key, count)
        return family


class _Histogram:
    def __init__(self, name: str, about: str, labels: Sequence[str], bounds: Sequence[float]) -> None:
        self._about, self._bounds = (name, about, labels), bounds
        self._counts: dict[tuple[str, ...], list[int]] = {}
        self._sums: dict[tuple[str, ...], float] = defaultdict(float)

    def observe(self, value: float, *labels: str) -> None:
        """One more value."""
        counts = self._counts.get(labels)
        if counts is None:
            counts = self._counts[labels] = [0] * (len(self._bounds) + 1)
        counts[bisect_left(self._bounds, value)] += 1
        self._sums[labels] += value

    def family(self) -> Metric:
        """As Prometheus knows it: each bucket holds those below it too."""
        name, about, labels = self._about
        family = HistogramMetricFamily(name, about, labels=labels)
        for key, counts in list(self._counts.items()):
            ends = [*(str(float(bound)) for bound in self._bounds), "+Inf"]
            buckets = list(zip(ends, accumulate(counts), strict=True))
            family.add_metric(key, buckets, self._sums[key])
        return family


class Metrics:
    """What is counted as it happens, and the engines' own figures read when asked for."""

    def __init__(self, engines: Engines, held: Held) -> None:
        self.answers = _Counter("cadenza_answers", "Answers by route and status.", ["route", "status"])
        self.refusals = _Counter("cadenza_refusals", "Errors by their code.", ["reason"])
        self.seconds = _Histogram(
            "cadenza_answer_seconds", "Time to the last byte of an answer.", ["route"], _SECONDS
        )
        self.first = _Histogram(
            "cadenza_first_byte_seconds", "Time to the first byte; of a stream, its first chunk.",
            ["route"], _SECONDS,
        )  # fmt: skip
        self.sent = _Counter("cadenza_answer_bytes", "Bytes of answers.", ["route"])
        self.open = 0
        for reason in (*reasons(), "not_read"):  # a rate is of something that was 0 before
            self.refusals.add(reason, amount=0)
        self.reloads = _Counter("cadenza_reloads", "New model files: taken or refused.", ["outcome"])
        for outcome in ("taken", "refused"):
            self.reloads.add(outcome, amount=0)
        self._tick_rows = _Histogram("cadenza_tick_rows", "Rows of one inference.", [], _TICK_ROWS)
        self._tick_seconds = _Histogram("cadenza_tick_seconds", "Time of one inference.", [], _TICK_SECONDS)
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._registry.register(_Figures(self, engines, held))

    def ticked(self, rows: int, seconds: float) -> None:
        """One inference of so many rows took so long."""
        self._tick_rows.observe(rows)
        self._tick_seconds.observe(seconds)

    def text(self) -> bytes:
        """Everything in Prometheus' text form."""
        return generate_latest(self._registry)

    def families(self) -> Iterator[Metric]:
        """What was counted."""
        counted = (self.answers, self.refusals, self.seconds, self.first, self.sent, self.reloads)
        for metric in (*counted, self._tick_rows, self._tick_seconds):
            yield metric.family()


class _Figures(Collector):
    def __init__(self, metrics: Metrics, engines: Engines, held: Held) -> None:
        self._metrics, self._engines, self._held = metrics, engines, held

    def collect(self) -> Iterator[Metric]:
        engines = self._engines
        limit = self._held.bound(engines.all[-1].largest if engines.all else 0)
        yield from self._metrics.families()
        yield GaugeMetricFamily("cadenza_open_requests", "Requests being answered.", self._metrics.open)
        yield GaugeMetricFamily("cadenza_held_values", "Values of answers in memory.", self._held.values)
        yield GaugeMetricFamily("cadenza_held_limit", "Values that may be.", limit)
        yield GaugeMetricFamily("cadenza_ready", "1 when requests are answered.", int(engines.ready))
        yield GaugeMetricFamily("cadenza_engines", "Models in memory.", len(engines.all))
        yield GaugeMetricFamily("cadenza_queue_row_steps", "Row-steps that wait.", engines.queued)
        yield GaugeMetricFamily("cadenza_queue_limit", "Row-steps that may wait.", engines.queue_limit)
        yield CounterMetricFamily("cadenza_ticks", "Inferences made.", engines.ticks)
        yield CounterMetricFamily("cadenza_row_steps", "Row-steps made.", engines.row_steps)
        about = GaugeMetricFamily(
            "cadenza_model_info", "The model served.", labels=["name", "digest", "provider", "version"]
        )
        for engine in engines.all[-1:]:
            about.add_metric([engine.spec.name, engine.digest, engine.provider, VERSION], 1)
        yield about
