"""Samples: where they come from, how they are encoded and how they are split."""
