"""HTTP and nothing else: requests in, calls to `serving`, answers and problems out."""
