"""A network and its data → weights, curves and checkpoints."""
