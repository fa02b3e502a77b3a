"""Networks: flat sizes in, tensors out. No loss, no configuration object, no printing."""
