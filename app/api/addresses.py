"""Addresses that several layers treat alike."""

# Files that belong to the service's own pages: without a key, and kept by browsers.
ASSETS_PATH = "/docs/static/"
PAGE_PATH = "/page/"
KEPT = (ASSETS_PATH, PAGE_PATH)
# They say whether the service is up, and nothing else: without a key, of any host, at any load.
PROBES = frozenset({"/livez", "/readyz", "/v2/health/live", "/v2/health/ready"})
