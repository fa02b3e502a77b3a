"""Every peer says what it is made of."""

import re

import pytest

from benchmarks.peers import FILES, PEERS, Peer

ROOT = FILES.parent.parent
PINNED = re.compile(r"[A-Za-z0-9_.\[\]-]+==[0-9][0-9a-z.]*")


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_peer_requirements_are_pinned(peer: Peer) -> None:
    rows = (FILES / f"{peer.file}.txt").read_text().splitlines()
    assert all(PINNED.fullmatch(row) for row in rows)


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_peer_runs_the_services_onnx_runtime(peer: Peer) -> None:
    lock = (ROOT / "requirements/serve.txt").read_text()
    ours = re.search(r"^onnxruntime-gpu==(\S+)", lock, re.MULTILINE)
    assert ours
    assert f"onnxruntime=={ours[1]}\n" in (FILES / f"{peer.file}.txt").read_text()


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_peer_has_at_most_sixty_lines(peer: Peer) -> None:
    assert len((FILES / f"{peer.file}.py").read_text().splitlines()) <= 60
    assert peer.file in peer.command_line
