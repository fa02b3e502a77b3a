"""Networks: they take flat sizes and return tensors; they have no loss, no configuration, no output."""
