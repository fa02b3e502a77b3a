"""Trees: specification, encoder, notations."""
