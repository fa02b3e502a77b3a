"""`python -m benchmarks gpu`: the bundles and the service on a GPU; docs/gpu.md.

`agreement` compares the answers of the GPU with those of the CPU, `batches` and `options` measure
the duration of batches, and `serving` measures the whole service. With `--device cpu` all of it
runs on any machine, as a rehearsal.
"""
