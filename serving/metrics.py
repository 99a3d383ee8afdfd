"""Prometheus metrics: what a person on call needs, in a registry of our own."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from serving.engine import Engines

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Counts of answers and times, and the scheduler's own figures read when asked for."""

    def __init__(self, engines: Engines) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_SchedulerFigures(engines))
        self.answers = Counter(
            "cadenza_answers", "Answers by route and status.", ["route", "status"],
            registry=self._registry,
        )  # fmt: skip
        self.seconds = Histogram(
            "cadenza_answer_seconds", "Time to an answer; of a stream, to its first chunk.", ["route"],
            registry=self._registry,
            buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60),
        )  # fmt: skip

    def text(self) -> bytes:
        """Everything in Prometheus' text form."""
        return generate_latest(self._registry)


class _SchedulerFigures(Collector):
    def __init__(self, engines: Engines) -> None:
        self._engines = engines

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("cadenza_ready", "1 when requests are answered.", int(self._engines.ready))
        if not self._engines.ready:
            return
        engine = self._engines.current
        scheduler = engine.scheduler
        yield GaugeMetricFamily("cadenza_queue_row_steps", "Row-steps that wait.", scheduler.queued)
        yield CounterMetricFamily("cadenza_ticks", "Inferences made.", scheduler.ticks)
        yield CounterMetricFamily("cadenza_row_steps", "Row-steps made.", scheduler.row_steps)
        about = GaugeMetricFamily("cadenza_model", "The model served.", labels=["digest", "provider"])
        about.add_metric([engine.digest, engine.provider], 1)
        yield about
