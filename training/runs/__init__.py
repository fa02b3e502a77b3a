"""What the commands of `thalamus-train` do, from samples to a published bundle."""
