"""Random variations of training samples."""
