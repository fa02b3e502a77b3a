"""`python -m benchmarks fleet`: what Thalamus promises on a Ray cluster, on real processes.

Two nodes of one CPU each are started on this machine as `ray start` starts them. Experiments train,
score and serve there and kill parts of it meanwhile; each yields the figure of a promise.
"""
