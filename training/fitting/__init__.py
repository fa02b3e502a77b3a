"""The training loop: network and examples → weights, learning curve and checkpoints."""
