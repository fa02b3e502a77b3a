"""Loaded models, their queues, and the folder of bundles from which they are loaded."""
