"""Mistakes in options of a cluster, which are answered without torch and without Ray."""

from tests.training.own_data_mistakes import Arguments, folder

CLUSTER_MISTAKES: dict[str, tuple[Arguments, str]] = {
    "workers of no cluster": (
        lambda t: ["train", "--data", folder(t / "d", a=3, b=3), "--workers", "2"],
        "--workers is for a cluster: name it with --on, or say local",
    ),
    "a search of no cluster": (
        lambda t: ["train", "--data", folder(t / "d", a=3, b=3), "--search", "4"],
        "--search is for a cluster: name it with --on, or say local",
    ),
    "no restarts of no cluster": (
        lambda t: ["train", "--data", folder(t / "d", a=3, b=3), "--restarts", "0"],
        "--restarts is for a cluster: name it with --on, or say local",
    ),
    "no address": (
        lambda t: ["train", "--data", t, "--on", "10.0.0.1:6379"],
        "expected local or ray://HOST:PORT",
    ),
    "no data for a cluster": (
        lambda t: ["train", "digits", "--on", "local"],
        "--on: name the --data, which every node must see",
    ),
    "ranks on a cluster": (
        lambda t: ["train", "digits", "--data", t, "--on", "local", "--ranks", "2"],
        "--ranks is for processes of one machine; --on has --workers",
    ),
    "a search with a start": (
        lambda t: ["train", "--data", t, "--on", "local", "--start", "scratch", "--search", "4"],
        "--search is for --start auto; a start that is named is not chosen",
    ),
    "workers of features": (
        lambda t: [
            *("train", "--data", folder(t / "d", a=3, b=3), "--start", "features"),
            *("--on", "local", "--workers", "2"),
        ],
        "--workers would change nothing: --start features has no epochs",
    ),
    "a cluster for the pretrained": (
        lambda t: ["train", "imagenet", "--data", t, "--on", "local"],
        "--data, --on would change nothing: imagenet comes trained",
    ),
    "no workers": (
        lambda t: ["train", "--data", t, "--on", "local", "--workers", "0"],
        "--workers: expected a whole number from 1 to 4096, got '0'",
    ),
    "a learning rate of features": (
        lambda t: ["train", "--data", t, "--start", "features", "--learning-rate", "0.1"],
        "--learning-rate: feature extraction has none",
    ),
    "a learning rate that is chosen": (
        lambda t: ["train", "--data", t, "--start", "auto", "--learning-rate", "0.1"],
        "--learning-rate: --start auto chooses that; name the start it is for",
    ),
}
