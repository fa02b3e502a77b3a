"""HTTP and nothing else: it parses requests, calls `serving`, and writes answers and problems."""
