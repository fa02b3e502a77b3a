"""Where samples come from, and honest splits."""
