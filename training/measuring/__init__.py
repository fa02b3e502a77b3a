"""Figures of an exported graph, and what it says of its own answers."""
