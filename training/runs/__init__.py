"""What each command of `thalamus-train` does, from samples to a published bundle."""
