"""Limits of control groups of both versions, in trees as Linux lays them out."""

from pathlib import Path

import pytest

from app.process.cgroup import cpu_quota, memory_limit

NONE = str(2**63 - 4096)  # what version 1 says without a limit


def tree(root: Path, membership: str, files: dict[str, str]) -> tuple[Path, Path]:
    """Write a mounted tree and the file of a process; return both."""
    for name, text in files.items():
        path = root / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "self").write_text(membership)
    return root / "cgroup", root / "self"


@pytest.mark.parametrize(
    ("membership", "files", "cpus", "memory"),
    [
        pytest.param("0::/\n", {}, None, None, id="nothing mounted"),
        pytest.param(
            "0::/\n",
            {"cpu.max": "200000 100000", "memory.max": "4294967296"},
            2,
            2**32,
            id="v2, a container's own namespace",
        ),
        pytest.param(
            "0::/system.slice/thalamus.service\n",
            {
                "system.slice/thalamus.service/cpu.max": "150000 100000",
                "system.slice/thalamus.service/memory.max": "max",
                "system.slice/cpu.max": "max 100000",
                "system.slice/memory.max": "1073741824",
            },
            1.5,
            2**30,
            id="v2, a unit without a namespace, and a limit of its ancestor",
        ),
        pytest.param(
            "0::/../other\n", {"cpu.max": "100000 100000"}, 1, None, id="v2, outside the namespace"
        ),
        pytest.param(
            "5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n",
            {
                "cpu,cpuacct/cpu.cfs_quota_us": "300000",
                "cpu,cpuacct/cpu.cfs_period_us": "100000",
                "memory/memory.limit_in_bytes": "2147483648",
            },
            3,
            2**31,
            id="v1, a container that sees its path on the host",
        ),
        pytest.param(
            "4:memory:/jobs/one\n1:cpu:/jobs/one\n0::/\n",
            {
                "cpu/jobs/one/cpu.cfs_quota_us": "-1",
                "cpu/jobs/one/cpu.cfs_period_us": "100000",
                "cpu/jobs/cpu.cfs_quota_us": "50000",
                "cpu/jobs/cpu.cfs_period_us": "100000",
                "memory/jobs/one/memory.limit_in_bytes": NONE,
            },
            0.5,
            None,
            id="v1, nested, one controller for each hierarchy",
        ),
        pytest.param(
            "1:cpu:/\n",
            {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"},
            None,
            None,
            id="v1 without limits",
        ),
    ],
)
def test_limits(tmp_path: Path, membership, files, cpus, memory) -> None:
    mount, member = tree(tmp_path, membership, files)
    assert cpu_quota(mount, member) == cpus
    assert memory_limit(mount, member) == memory


def test_a_system_without_control_groups_has_no_limits(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path / "none", tmp_path / "no file") is None
    assert memory_limit(tmp_path / "none", tmp_path / "no file") is None
