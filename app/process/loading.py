"""Settings → how a process loads bundles: what the service and the replicas of a cluster share."""

from app.batching.latency_model import BatchingPolicy
from app.batching.memory_budget import MemoryBudget
from app.bundle import Registry
from app.process.resources import release_memory
from app.serving.loading import LoadOptions
from app.settings import Settings


def load_options(
    settings: Settings, registry: Registry, threads: int, long_item_threads: int
) -> LoadOptions:
    """Return the options that follow from settings.

    threads: of a session. long_item_threads: that prepare long items.
    """
    return LoadOptions(
        registry=registry,
        device=settings.device,
        threads=threads,
        policy=BatchingPolicy(
            settings.max_batch,
            settings.max_queue,
            max_queue_seconds=settings.max_queue_seconds,
            long_item_threads=long_item_threads,
            memory=MemoryBudget(settings.max_decode_bytes, release_memory),
        ),
        deadline=settings.deadline,
        cuda_graphs=settings.cuda_graphs,
        after_load=release_memory,
    )
