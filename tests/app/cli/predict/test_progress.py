"""The line of progress, on a terminal and nowhere else."""

import io

from app.cli.predict.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(total: int | None, stream: io.StringIO, before: int = 0) -> str:
    """Return what is written for 30 inputs after ten seconds, two of them errors."""
    times = iter([0.0, 10.0])
    progress = Progress(total, before, stream, lambda: next(times))
    progress.show(30, 2)
    progress.close()
    return stream.getvalue().replace("\r\x1b[K", "|")


def test_a_known_total_has_a_bar_and_the_time_that_is_left() -> None:
    assert shown(120, Terminal()) == (
        "|[######..................] 30 of 120  3/s  0:30 left  2 errors|"
    )


def test_the_rate_is_that_of_this_run() -> None:
    assert "  1/s  1:30 left" in shown(120, Terminal(), before=20)


def test_without_a_total_it_counts() -> None:
    assert shown(None, Terminal()) == "|30 answered  3/s  2 errors|"


def test_a_pipe_gets_nothing() -> None:
    assert shown(120, io.StringIO()) == ""
