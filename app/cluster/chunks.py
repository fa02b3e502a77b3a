"""What a task of Ray Data reads: chunks, each a row of its own, as they are found.

It imports Ray Data, so it is imported on a cluster only.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from ray.data.block import BlockMetadata
from ray.data.datasource import Datasource, ReadTask


class Chunks(Datasource):
    """The chunks that a function yields, read by one task.

    read: the function, which runs on a node. column: that of the chunks.
    """

    def __init__(self, read: Callable[[], Iterator[Any]], column: str) -> None:
        super().__init__()
        self._read, self._column = read, column

    def estimate_inmemory_data_size(self) -> int | None:
        """Return None: nobody knows how much there is."""
        return None

    def get_read_tasks(self, parallelism: int, *_: Any, **__: Any) -> list[ReadTask]:
        """Return the only task."""
        metadata = BlockMetadata(num_rows=None, size_bytes=None, input_files=None, exec_stats=None)
        return [ReadTask(self._blocks, metadata)]

    def _blocks(self) -> Iterable[pd.DataFrame]:
        for chunk in self._read():
            cell = np.empty(1, dtype=object)
            cell[0] = chunk
            yield pd.DataFrame({self._column: cell})
