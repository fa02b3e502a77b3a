"""Addresses of files that belong to the service's own pages: without a key, kept by browsers."""

ASSETS_PATH = "/docs/static/"
PAGE_PATH = "/page/"
KEPT = (ASSETS_PATH, PAGE_PATH)
