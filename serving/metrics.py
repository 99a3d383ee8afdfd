"""Prometheus metrics: what a person on call needs, in a registry of our own."""

from collections.abc import Iterator

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from contract.version import VERSION
from serving.engine import Engines

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)


class Metrics:
    """What is counted as it happens, and the scheduler's own figures read when asked for."""

    def __init__(self, engines: Engines, queue_limit: int) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        registry.register(_EngineFigures(engines, queue_limit))
        self.answers = Counter(
            "cadenza_answers", "Answers by route and status.", ["route", "status"], registry=registry
        )
        self.refusals = Counter("cadenza_refusals", "Errors by their code.", ["reason"], registry=registry)
        self.seconds = Histogram(
            "cadenza_answer_seconds", "Time to the last byte of an answer.", ["route"],
            registry=registry, buckets=_SECONDS,
        )  # fmt: skip
        self.first = Histogram(
            "cadenza_first_byte_seconds", "Time to the first byte; of a stream, its first chunk.",
            ["route"], registry=registry, buckets=_SECONDS,
        )  # fmt: skip
        self.sent = Counter("cadenza_answer_bytes", "Bytes of answers.", ["route"], registry=registry)
        self.open = Gauge("cadenza_open_requests", "Requests being answered.", registry=registry)
        self._tick_rows = Histogram(
            "cadenza_tick_rows", "Rows of one inference.",
            registry=registry, buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
        )  # fmt: skip
        self._tick_seconds = Histogram(
            "cadenza_tick_seconds", "Time of one inference.", registry=registry,
            buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
        )  # fmt: skip
        self.reloads = Counter(
            "cadenza_reloads", "New model files: taken or refused.", ["outcome"], registry=registry
        )
        for outcome in ("taken", "refused"):
            self.reloads.labels(outcome)

    def ticked(self, rows: int, seconds: float) -> None:
        """One inference of so many rows took so long."""
        self._tick_rows.observe(rows)
        self._tick_seconds.observe(seconds)

    def text(self) -> bytes:
        """Everything in Prometheus' text form."""
        return generate_latest(self._registry)


class _EngineFigures(Collector):
    def __init__(self, engines: Engines, queue_limit: int) -> None:
        self._engines, self._queue_limit = engines, queue_limit

    def collect(self) -> Iterator[Metric]:
        engines = self._engines
        yield GaugeMetricFamily("cadenza_ready", "1 when requests are answered.", int(engines.ready))
        yield GaugeMetricFamily("cadenza_engines", "Models in memory.", len(engines.all))
        yield GaugeMetricFamily("cadenza_queue_row_steps", "Row-steps that wait.", engines.queued)
        yield GaugeMetricFamily("cadenza_queue_limit", "Row-steps that may wait.", self._queue_limit)
        yield CounterMetricFamily("cadenza_ticks", "Inferences made.", engines.ticks)
        yield CounterMetricFamily("cadenza_row_steps", "Row-steps made.", engines.row_steps)
        about = GaugeMetricFamily(
            "cadenza_model_info", "The model served.", labels=["name", "digest", "provider", "version"]
        )
        for engine in engines.all[-1:]:
            about.add_metric([engine.spec.name, engine.digest, engine.provider, VERSION], 1)
        yield about
