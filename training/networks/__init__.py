"""Networks: flat sizes in, tensors out. No loss, no configuration, no printing."""
