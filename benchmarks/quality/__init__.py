"""How accurate the default training is on public data, compared with what people would try first.

`python -m benchmarks quality` prepares each data set, trains each contestant in a process of its
own, asks all of them about the same test samples, and keeps the figures in `results.json`.
"""
