"""The SpamAssassin corpus under its published names and without the dates."""

from pathlib import Path

import pytest

from tests.training.samples import mail, mail_name, write_corpus, write_tar
from training.data.duplicates import deduplicate
from training.datasets.spamassassin import ARCHIVES, load
from training.errors import MissingData

FOLDERS = ("easy_ham", "easy_ham_2", "hard_ham", "spam", "spam_2")


@pytest.mark.parametrize("named", ["published", "alias"])
def test_both_names_are_found(tmp_path: Path, named: str):
    files = [s.file if named == "published" else s.alias for s in ARCHIVES]
    data = load(write_corpus(tmp_path, 3, dict(zip(files, FOLDERS, strict=True))))
    assert data.counts() == {"ham": 9, "spam": 6}
    assert {s.name.split("/")[0] for s in data.samples} == set(FOLDERS)
    assert data.unreadable == []


def test_a_folder_may_be_missing_none(tmp_path: Path):
    write_corpus(tmp_path, 1, {"easy_ham.tar.bz2": "easy_ham"})
    with pytest.raises(MissingData, match=r"holds no 20030228_easy_ham_2\.tar\.bz2"):
        load(tmp_path)


def one(tmp_path: Path, *bodies: str) -> Path:
    mails = {f"spam/{mail_name(i)}": mail(body) for i, body in enumerate(bodies)}
    return write_tar(tmp_path / "spam.tar.bz2", mails)


def test_copies_but_for_links_digits_and_space_are_duplicates(tmp_path: Path):
    data = load(
        one(
            tmp_path,
            "Buy it now at http://one.example/a1 for 10 dollars",
            "Buy  it now\nat http://two.example/b2 for 20 dollars",
            "Sell it now at http://one.example/a1 for 10 dollars",
        )
    )
    kept, remarks = deduplicate(data)
    assert [s.name for s in kept.samples] == [f"spam/{mail_name(0)}", f"spam/{mail_name(2)}"]
    assert remarks == ["1 duplicate(s) dropped"]


def test_mails_without_words_are_listed(tmp_path: Path):
    data = load(one(tmp_path, "words", "\u00ad \u200b"))
    assert len(data.samples) == 1
    assert data.unreadable == [f"spam/{mail_name(1)} (no text in the body)"]


def test_an_archive_without_mails(tmp_path: Path):
    archive = write_tar(tmp_path / "x.tar.bz2", {"spam/cmds": b"mv a b"})
    with pytest.raises(MissingData, match="no mail found; expected 20030228_easy_ham"):
        load(archive)


@pytest.mark.training
def test_the_real_corpus(shared_data: Path):
    data = load(shared_data / "spamassassin")
    assert len(data.samples) + len(data.unreadable) == 5535
    assert set(data.counts()) == {"ham", "spam"}
