"""The clients that people already have, unchanged, against a real server.

Each file `<name>.txt` here pins the packages of one environment. It is installed at its first use
into a folder that git ignores; where that fails, its tests are skipped with the reason.
"""
