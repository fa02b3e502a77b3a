"""`python -m benchmarks gpu`: the bundles and the service on a GPU; docs/gpu.md.

`agreement` asks whether the GPU answers as the CPU does, `batches` and `options` how long a batch
takes, `serving` what the whole service answers. With `--device cpu` all of it runs anywhere, to
see that it runs.
"""
