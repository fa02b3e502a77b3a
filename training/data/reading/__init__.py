"""A person's own data, as it comes: folders, tables, archives, addresses → a `Dataset`.

`read.read_samples` is the entry; `read.check` finds the mistakes that names and tables show, and
needs no torch. Below are: `plan` (what a path is), `layout` and `walk` (folders), `tables`,
`delimited`, `charset`, `heads` and `columns` (tables), `labels`, `case`, `files` and `texts` (the
samples and their stores), `near` (pictures that look the same), `unpack`, `remote`.
"""
