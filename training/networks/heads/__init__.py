"""What all classifiers share: their output, attribution by gradients, and novelty."""
