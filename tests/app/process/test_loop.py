import socket

from app.process.loop import Loop


def test_actions_that_are_due_run_in_their_order_and_after_what_arrived() -> None:
    loop, done = Loop(), []
    ours, theirs = socket.socketpair()
    with ours, theirs:
        loop.watch(ours, lambda: done.append(ours.recv(1)))
        for name in "ab":
            loop.after(0, lambda name=name: done.append(name))
        theirs.sendall(b"x")
        loop.turn()
        assert done == [b"x", "a", "b"]
    loop.close()


def test_a_source_that_another_action_has_forgotten_is_not_read() -> None:
    loop, done = Loop(), []
    pairs = [socket.socketpair() for _ in range(2)]

    def forget_all(number: int) -> None:
        done.append(number)
        for ours, _ in pairs:
            loop.unwatch(ours)
            loop.unwatch(ours)

    for number, (ours, theirs) in enumerate(pairs):
        loop.watch(ours, lambda number=number: forget_all(number))
        theirs.sendall(b"x")
    loop.turn()
    assert len(done) == 1
    for pair in pairs:
        for end in pair:
            end.close()
    loop.close()
