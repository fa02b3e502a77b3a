"""Work on more than one machine: the connection to a Ray cluster, scoring by Ray Data, Ray Serve.

Ray is an optional dependency (`thalamus[ray]`), imported when a cluster is asked for and never by
the default commands. Nothing here schedules, elects or replicates: Ray does.
"""
