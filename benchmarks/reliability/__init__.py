"""What an operator may rely on when things go wrong, and the measurement behind each promise.

`python -m benchmarks chaos` and `soak` measure on real processes through real sockets, and print
one table. An experiment plants one kind of trouble and yields a figure for each of its promises.
"""
