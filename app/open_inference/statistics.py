"""What each version has answered, from the counters that all workers share.

Sums are over the workers. What the service does not measure is 0: the seconds of requests that
failed, those of writing answers, hits of a cache, which there is none of; and the time of a batch
by its size, so that list is empty.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from app.metrics import families
from app.metrics.exposition import Values

_STAGES = {"queue": "queue", "compute_input": "encode", "compute_infer": "infer"}
_NANOSECONDS = 1e9


def model_statistics(totals: Mapping[str, Values], model: str, version: int) -> dict[str, Any]:
    """Return the statistics of one version. totals: see `Metrics.totals`."""
    which = (model, str(version))

    def series(family: families.Family) -> dict[tuple[str, ...], Sequence[float]]:
        found = totals[family.name].items()
        return {labels[2:]: numbers for labels, numbers in found if labels[:2] == which}

    requests = series(families.REQUESTS)
    failed = sum(numbers[0] for (_, status), numbers in requests.items() if status != "200")
    stages = series(families.STAGE_SECONDS)
    return {
        "name": model,
        "version": str(version),
        "last_inference": int(1e3 * _sum(series(families.LAST_ANSWER).values())),
        "inference_count": int(_sum(series(families.ITEMS_ANSWERED).values())),
        "execution_count": _duration(series(families.BATCH_ITEMS).values())["count"],
        "inference_stats": {
            "success": _duration(series(families.REQUEST_SECONDS).values()),
            "fail": {"count": int(failed), "ns": 0},
            **{
                name: _duration([stages[(stage,)]] if (stage,) in stages else [])
                for name, stage in _STAGES.items()
            },
            "compute_output": {"count": 0, "ns": 0},
            "cache_hit": {"count": 0, "ns": 0},
            "cache_miss": {"count": 0, "ns": 0},
        },
        "batch_stats": [],
    }


def _sum(series: Any) -> float:
    return float(sum(numbers[0] for numbers in series))


def _duration(histograms: Any) -> dict[str, int]:
    """Return the count of histograms, and the sum of what they counted as nanoseconds."""
    every = list(histograms)
    count = sum(sum(numbers[:-1]) for numbers in every)
    return {"count": int(count), "ns": round(_NANOSECONDS * sum(numbers[-1] for numbers in every))}
