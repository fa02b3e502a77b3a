"""What `make bench-self` prints, and when it fails."""

import pytest

from benchmarks.everyday import BEFORE, LIMIT, NOW, Row, head, judge
from benchmarks.rounds import Round


def row(name: str, ratios: list[float], other: str = BEFORE) -> Row:
    return Row(name, [Round({NOW: 200 * r, other: 200.0}, 0.01) for r in ratios], other)


SLOW = row("slow raw, 32 clients", [0.93, 0.91, 0.96, 0.95, 0.9])
EQUAL = row("equal raw, 32 clients", [1.02, 0.95, 1.0, 0.99, 1.01])


def test_a_row_shows_medians_intervals_and_its_verdict() -> None:
    line = " ".join(str(SLOW).split())
    assert line.startswith("slow raw, 32 clients 186.0 [180.0, 192.0] 200.0 [200.0, 200.0]")
    assert line.endswith("0.930 [0.900, 0.960] FAILS 1.0%")
    assert str(EQUAL).split()[-2] == "ok"


def test_one_slow_row_fails_the_command_after_all_rows(capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        judge([SLOW, EQUAL])
    assert "slow raw" in str(ended.value.code) and "equal" not in str(ended.value.code)
    assert "equal raw" in capsys.readouterr().out


def test_equal_rows_pass_and_the_limit_may_be_faster(capsys) -> None:
    judge([EQUAL, row("far from the limit", [0.5] * 5, LIMIT)])
    assert "FAILS" not in capsys.readouterr().out


def test_the_head_says_how_sure_an_interval_is() -> None:
    assert "93.8%" in head(BEFORE, 5) and "0.97" in head(BEFORE, 5)
    assert "75.0%" in head(LIMIT, 3) and "0.97" not in head(LIMIT, 3)
