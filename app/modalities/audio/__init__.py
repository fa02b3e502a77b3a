"""Sound files: specification, encoder, containers."""
