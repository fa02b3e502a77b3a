"""Texts for classifiers: specification, encoder, cleaning."""
