"""Prometheus metrics (prometheus.io/docs/practices/naming/). Each application has a registry of its own."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
KINDS = ("swapped", "refused", "unreadable")
EVENTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The service's counters. Labels come from the routes and the error tree, never from a request.

    in_flight: requests in progress. followed: what following a pointer came to, by kind; None: it does not.
    """

    def __init__(
        self,
        model: str,
        version: str | None,
        runtime: str = "unknown",
        followed: Mapping[str, int] | None = None,
    ) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)
        self._requests = Counter(
            "http_requests", "Requests answered.", ("method", "route", "status"), registry=registry
        )
        self._seconds = Histogram(
            "http_request_seconds", "Time to answer.", ("route",), registry=registry, buckets=SECONDS
        )
        self.in_flight = 0
        in_flight = Gauge("http_requests_in_flight", "Requests being answered.", registry=registry)
        in_flight.set_function(lambda: self.in_flight)
        self._kinds: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._gathered = Histogram(
            "predict_gathered_events", "Events that one predict of gathered requests took.",
            registry=registry, buckets=EVENTS,
        )  # fmt: skip
        self._predictions = Counter("predictions", "Events predicted.", registry=registry)
        self._refused = Counter("refusals", "Events refused, by reason.", ("code",), registry=registry)
        self._closed = Counter(
            "connections_closed", "Connections closed or refused at a limit, by reason.", ("why",),
            registry=registry,
        )  # fmt: skip
        told = ("model", "version", "runtime")
        self._info = Gauge(
            "model_info", "The model that answers, and what serves it.", told, registry=registry
        )
        self.serves(model, version, runtime)
        if followed is not None:
            followings = Gauge(
                "follow_events", "Models swapped and refused, and failed looks at the pointer, by kind.",
                ("kind",), registry=registry,
            )  # fmt: skip
            for kind in KINDS:
                followings.labels(kind).set_function(partial(_count, followed, kind))

    def serves(self, model: str, version: str | None, runtime: str) -> None:
        """Name the model that answers from now on."""
        self._info.clear()
        self._info.labels(model, version or "unknown", runtime).set(1)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answered request."""
        kind = self._kinds.get((method, route, status))
        if kind is None:  # looking up labels takes longer than counting
            kind = self._requests.labels(method, route, status), self._seconds.labels(route)
            self._kinds[method, route, status] = kind
        kind[0].inc()
        kind[1].observe(seconds)

    def gathered(self, events: int) -> None:
        """Count a predict of this many gathered requests."""
        self._gathered.observe(events)

    def predicted(self, events: int) -> None:
        """Count events that have their prediction."""
        self._predictions.inc(events)

    def refused(self, code: str) -> None:
        """Count an event that has none."""
        self._refused.labels(code).inc()

    def closed(self, why: str) -> None:
        """Count a connection that was closed, or whose request was refused, at a limit."""
        self._closed.labels(why).inc()

    def text(self) -> bytes:
        """Return all metrics in Prometheus's text format."""
        return generate_latest(self._registry)


def _count(counts: Mapping[str, int], kind: str) -> float:
    return counts.get(kind, 0)
