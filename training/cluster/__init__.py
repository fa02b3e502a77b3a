"""Training on a Ray cluster: the ranks of one training by Ray Train, a search by Ray Tune.

Ray places processes, notices their death and starts them again. The training loop, its checkpoints
and the rule of the choice are those of a training on one machine. Ray is imported when `--on` is
given, and never before.
"""
