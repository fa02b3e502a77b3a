"""A loaded bundle: encode payloads, run the graph, decode the answers."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from app.batching.collate import collate, split_outputs
from app.batching.length_bucketing import bucket_by_length
from app.bundle import Bundle
from app.bundle.tensors import Arrays, size_of
from app.errors import DeadlineExceeded, InvalidInput, ModelOutputInvalid, ThalamusError
from app.exhaustion import resource_exhausted
from app.modalities import Encoded, Payload
from app.modalities.payload import TensorPayload
from app.pipeline.interface import ModelInterface
from app.pipeline.item import InferenceItem, ItemResult, make_items
from app.pipeline.watchdog import Watchdog
from app.runtime.providers import Device
from app.runtime.session import RunOptions, Session
from app.tasks import Options
from app.telemetry import Timings


class Pipeline(ModelInterface):
    """A loaded bundle. Every method is synchronous and may be called from any thread."""

    def __init__(
        self,
        bundle: Bundle,
        device: Device = "cpu",
        threads: int = 1,
        cuda_graphs: bool = False,
        watchdog: Watchdog | None = None,
    ) -> None:
        """Open the graph. watchdog: ends runs that nobody waits for; None: all run to their end."""
        super().__init__(bundle)
        self._watchdog = watchdog
        self._session = Session(bundle.graph, device, threads, cuda_graphs)
        try:
            self._session.check(bundle.manifest.inputs, bundle.manifest.outputs)
        except BaseException:
            self._session.close()  # the error's traceback would keep it
            raise
        self.provider = self._session.provider
        self._tensors = bundle.manifest.encoder.tensors()
        self._names = [
            spec.name for spec in bundle.manifest.inputs
        ]  # packed graphs have other names
        self._size = size_of(self._tensors)
        # Decoders release Python's lock, so threads decode on all cores of the process.
        self._threads = ThreadPoolExecutor(threads, "encoder") if threads > 1 else None

    def close(self) -> None:
        """Free the graph's memory and end the threads; nothing can be answered afterwards."""
        if self._threads is not None:
            self._threads.shutdown(wait=False)
        self._session.close()

    def run(
        self, items: Sequence[Arrays], explain: bool = False, options: Any = None
    ) -> list[dict[str, np.ndarray]]:
        """Run one batch of encoded items through the graph.

        explain: compute the outputs that only explanations need too. options: of the run.
        """
        batch = collate(items, self._tensors, self._session.allocate)
        feeds = dict(zip(self._names, batch.values(), strict=True))
        outputs = self._session.run(feeds, explain=explain, options=options)
        return split_outputs(outputs, items, self.manifest.outputs)

    def predict(self, payloads: Sequence[Payload], options: Options | None = None) -> list[Any]:
        """Answer several payloads in one batch.

        options: of any task that the model supports; by default those of its own task. Raises
        `UnsupportedTask`, and `InvalidInput` with the index of a bad payload.
        """
        options = options or self.task.options()
        self.require(options.task)
        answers = []
        for result in self.answer(make_items(payloads, options)):
            if isinstance(result, Exception):
                raise result
            answers.append(result.answer)
        return answers

    def answer(self, items: Sequence[InferenceItem]) -> list[ItemResult | Exception]:
        """Return an answer or an error for each item; an error affects its own item only.

        Traffic, golden cases and the command line all use this method. Items of different lengths
        run in groups of similar lengths. Where a group cannot be run or an answer is invalid, those
        items are run once more, each alone: `ModelOutputInvalid` is about the item itself.
        """
        if self._watchdog is None:
            return self._answer(items, None)
        batch = self._watchdog.start(self.manifest.name, items, RunOptions())
        try:
            answers = self._answer(items, batch.options)
        finally:
            self._watchdog.stop(batch)
        if batch.ended:  # what failed has failed for that reason
            late = DeadlineExceeded("nobody waits for the answer")
            return [late if isinstance(each, Exception) else each for each in answers]
        return answers

    def _answer(self, items: Sequence[InferenceItem], run: Any) -> list[ItemResult | Exception]:
        timings = Timings()
        encoded = self._encode_each(items)
        timings.lap("encode")
        runnable = [each for each in encoded if isinstance(each, Encoded)]
        explain = any(item.options.explains for item in items)
        outputs = iter(self._run_in_groups(runnable, explain, run))
        timings.lap("infer")
        answers: list[ItemResult | Exception] = []
        for item, each in zip(items, encoded, strict=True):
            if not isinstance(each, Encoded):
                answers.append(each)
                continue
            output = next(outputs)
            answer = self._decode(item, each, output, timings)
            ran_together = len(runnable) > 1 and not isinstance(output, ThalamusError)
            if ran_together and isinstance(answer, ModelOutputInvalid):
                [alone] = self._run_together([each.arrays], explain, run)
                answer = self._decode(item, each, alone, timings)
            if each.given and isinstance(answer, ModelOutputInvalid):  # no fault of the model
                answer = InvalidInput("the model has no valid answer to these tensors", item.index)
            answers.append(answer)
        return answers

    def _decode(
        self,
        item: InferenceItem,
        encoded: Encoded[Any],
        outputs: Arrays | ThalamusError,
        timings: Timings,
    ) -> ItemResult | Exception:
        try:
            if isinstance(outputs, ThalamusError):
                raise outputs
            answer = self.decoders[item.options.task](encoded, outputs, item.options)
        except InvalidInput as error:
            return InvalidInput(str(error), item.index)
        except ModelOutputInvalid as error:
            return _about_item(error, item)
        except ThalamusError as error:
            return error
        except Exception as error:  # outputs of other shapes than the decoder can read
            if (exhausted := resource_exhausted(error)) is not None:
                return exhausted
            invalid = ModelOutputInvalid(f"{self.manifest.name}: the outputs cannot be read")
            invalid.__cause__ = error
            return _about_item(invalid, item)
        return ItemResult(answer, timings)

    def _encode_each(self, items: Sequence[InferenceItem]) -> list[Encoded[Any] | Exception]:
        if self._threads is None or len(items) == 1:
            return [self._encode(item) for item in items]
        return list(self._threads.map(self._encode, items))

    def _encode(self, item: InferenceItem) -> Encoded[Any] | Exception:
        if item.token.cancelled:  # its batch has run, but decoding can be skipped
            return DeadlineExceeded("nobody waits for the answer")
        if isinstance(item.payload, TensorPayload):
            return Encoded(item.payload.arrays, given=True)
        try:
            return self.encoder.encode(item.payload)
        except Exception as error:  # of this item only
            # Decoders blame the file for whatever happens while they read it.
            if (exhausted := resource_exhausted(error)) is not None:
                return exhausted
            if isinstance(error, InvalidInput):
                return InvalidInput(str(error), item.index)
            return error

    def _run_in_groups(
        self, items: Sequence[Encoded[Any]], explain: bool, run: Any
    ) -> Sequence[Arrays | ThalamusError]:
        arrays = [item.arrays for item in items]
        if self._size is None or len(items) < 2:
            return self._run_together(arrays, explain, run) if items else []
        outputs: dict[int, Arrays | ThalamusError] = {}
        for group in self._groups(items, [self._size(each) for each in arrays]):
            together = self._run_together([arrays[place] for place in group], explain, run)
            outputs |= zip(group, together, strict=True)
        return [outputs[place] for place in range(len(items))]

    @staticmethod
    def _groups(items: Sequence[Encoded[Any]], sizes: Sequence[int]) -> list[list[int]]:
        """Return the places of the items that run together.

        Items of similar sizes are padded to the longest, but never those that are given: these run
        with others of the very same shapes.
        """
        encoded = [place for place, item in enumerate(items) if not item.given]
        groups = bucket_by_length([sizes[place] for place in encoded])
        if len(encoded) == len(items):
            return groups
        same: dict[tuple[tuple[int, ...], ...], list[int]] = {}
        for place, item in enumerate(items):
            if item.given:
                shapes = tuple(array.shape for array in item.arrays.values())
                same.setdefault(shapes, []).append(place)
        return [[encoded[place] for place in group] for group in groups] + list(same.values())

    def _run_together(
        self, items: Sequence[Arrays], explain: bool, run: Any
    ) -> Sequence[Arrays | ThalamusError]:
        """Run items as one batch; if that fails, run each alone."""
        try:
            return self.run(items, explain, run)
        except Exception as error:
            if len(items) == 1:
                if (exhausted := resource_exhausted(error)) is not None:
                    return [exhausted]
                invalid = ModelOutputInvalid(f"{self.manifest.name}: {error}")
                invalid.__cause__ = error
                return [invalid]
        return [self._run_together([item], explain, run)[0] for item in items]


def _about_item(error: ModelOutputInvalid, item: InferenceItem) -> ModelOutputInvalid:
    error.index = item.index
    return error
