"""Image files: specification, encoder, resizing."""
