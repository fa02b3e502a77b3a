"""Networks: flat sizes in, tensors out. They hold no loss and no configuration."""
