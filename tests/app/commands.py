"""Commands of `thalamus` in this process, as a shell would see them."""

from app.cli import main


def run(capsys, *arguments: object) -> tuple[int, str, str]:
    """Return exit status, stdout and stderr of one command."""
    status = main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return status, said.out, said.err


def one_line(capsys, *arguments: object) -> str:
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (2, "")
    assert err.startswith("thalamus: ")
    assert err.count("\n") == 1, err
    return err
