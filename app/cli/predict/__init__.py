"""`thalamus predict`: the answers of a model to many files, texts of tables, or standard input.

The inputs are a stream, in the order in which they are given; `run` answers them in chunks, in this
process, in one process per core, or by a service, and writes a row for each. Nothing keeps all
inputs or all answers: memory does not grow with their number, but for the names in one folder.
"""
