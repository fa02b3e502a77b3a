"""Which part of a long sound is heard: the loudest window that is not the loudest by a click.

A full-scale click of 18 ms has more energy than a word that was spoken quietly. So energy alone
does not decide: what a sound sustains is its energy in steps of 10 ms after an opening, which is
the lowest of some steps in a row and then the highest of these, and removes whatever is shorter
than they are. Of the windows that hold nearly the most of what is sustained, the loudest is heard.
Where a sound has no clicks that is the loudest window of all, and where it has nothing but clicks
and noise, too: all its windows sustain about the same.
"""

import numpy as np

_STARTS = 2**16  # of windows whose energy is compared at a time
_STEPS = 100  # in a second
_SUSTAINED = 6  # steps in a row: a click of up to 40 ms touches at most five
_NEARLY = 0.75  # of what the best window sustains


def window(pcm: np.ndarray, samples: int, rate: int) -> tuple[np.ndarray, int]:
    """Return `samples` values of a sound, int16, and the index in `pcm` of the first of them.

    A longer sound gives its loudest window, a new array. A shorter one is centred in silence; the
    index is then negative.
    """
    if pcm.size <= samples:
        before = (samples - pcm.size) // 2
        framed = np.zeros(samples, dtype=pcm.dtype)
        framed[before : before + pcm.size] = pcm
        return framed, -before
    start = _loudest_start(pcm, samples, rate)
    return pcm[start : start + samples].copy(), start  # a view would keep all of it in memory


def _loudest_start(pcm: np.ndarray, samples: int, rate: int) -> int:
    """Return where the window that is heard starts; see the module."""
    loudest = _highest_energy(pcm, samples)
    step = rate // _STEPS
    sustained = _sustained(pcm, samples, step)
    enough = sustained >= _NEARLY * sustained.max()
    if enough[loudest // step]:
        return loudest
    allowed = np.repeat(enough, step)[: pcm.size - samples + 1]
    return _highest_energy(pcm, samples, allowed)


def _sustained(pcm: np.ndarray, samples: int, step: int) -> np.ndarray:
    """Return what each window sustains, float64; the windows start a step apart.

    The last window may reach beyond the end, where there is silence.
    """
    piece = max(1, _STARTS // step) * step
    energy = np.concatenate(
        [_energies(pcm[start : start + piece], step) for start in range(0, pcm.size, piece)]
    )
    total = np.concatenate([[0.0], np.cumsum(_opened(energy), dtype=np.float64)])
    starts = np.arange((pcm.size - samples) // step + 1)
    ends = np.minimum(starts + -(-samples // step), energy.size)
    found: np.ndarray = total[ends] - total[starts]
    return found


def _energies(pcm: np.ndarray, step: int) -> np.ndarray:
    """Return the energy of each step, float32; of the last one, which may be shorter, what is."""
    loud = pcm.astype(np.float32)
    whole = loud[: loud.size // step * step].reshape(-1, step)
    energy: np.ndarray = np.einsum("ij,ij->i", whole, whole)
    rest = loud[whole.size :]
    return np.append(energy, rest @ rest) if rest.size else energy


def _opened(energy: np.ndarray) -> np.ndarray:
    """Return the energy of each step without that of bursts shorter than `_SUSTAINED` steps."""
    count = min(_SUSTAINED, energy.size)
    lowest = _in_a_row(np.minimum, energy, count)
    return _in_a_row(np.maximum, np.pad(lowest, count - 1), count)


def _in_a_row(extreme: np.ufunc, values: np.ndarray, count: int) -> np.ndarray:
    """Return the lowest or highest of each `count` values in a row."""
    found: np.ndarray = values[: values.size - count + 1]
    for offset in range(1, count):
        found = extreme(found, values[offset : values.size - count + 1 + offset])
    return found


def _highest_energy(pcm: np.ndarray, samples: int, allowed: np.ndarray | None = None) -> int:
    """Return where the window of the highest energy starts, the first of several.

    allowed: bool (starts,), the windows that are compared; None: all.
    """
    energy = sum(
        int(_squares(pcm[start : min(start + _STARTS, samples)]).sum(dtype=np.int64))
        for start in range(0, samples, _STARTS)
    )
    best, highest = 0, energy
    if allowed is not None and not allowed[0]:
        highest = -1
    for start in range(0, pcm.size - samples, _STARTS):
        end = min(start + _STARTS, pcm.size - samples)
        change = _squares(pcm[start + samples : end + samples]) - _squares(pcm[start:end])
        energies = np.cumsum(change, dtype=np.int64)  # of the windows that start one sample later
        energies += energy
        energy = int(energies[-1])
        if allowed is not None:
            energies[~allowed[start + 1 : end + 1]] = -1
        place = int(energies.argmax())
        if energies[place] > highest:
            best, highest = start + place + 1, int(energies[place])
    return best


def _squares(pcm: np.ndarray) -> np.ndarray:
    squares: np.ndarray = np.square(pcm, dtype=np.int32)  # at most 2**30
    return squares
