"""Counts, durations and gauges → Prometheus, summed over all workers.

`families` is the list of all metrics, `counting` adds to them, `exposition` writes them as text,
`process` reads what a process uses. The service sends the metrics to nobody.
"""

from app.metrics.counting import Metrics
from app.metrics.exposition import METRICS_TYPE

__all__ = ["METRICS_TYPE", "Metrics"]
