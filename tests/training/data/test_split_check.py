"""Parts that groups leave empty are said before anything is trained."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.training.data.reading.made import load, table
from training.data.duplicates import deduplicate
from training.data.reading.read import check
from training.data.split import Shares, split
from training.data.split_check import check_parts
from training.errors import BadData


def texts(path: Path, speakers: int, label_of: str = "ab") -> Path:
    rows = [f"some words {i},{label_of[(i // speakers) % 2]},s{i % speakers}\n" for i in range(120)]
    return table(path / "t.csv", "text,label,speaker\n" + "".join(rows))


def test_two_groups_cannot_be_in_three_parts(tmp_path: Path):
    path = texts(tmp_path, speakers=2)
    said = r"t: no sample is left for .*: they are in 2 groups, which stay whole \(--group-column"
    with pytest.raises(BadData, match=said):
        check(path)
    with pytest.raises(BadData, match=said):
        check_parts(load(path), Shares())


@pytest.mark.parametrize("options", [{}, {"group_column": "none"}])
def test_many_groups_or_none_are_divided_without_a_word(tmp_path: Path, options: dict[str, str]):
    data = load(texts(tmp_path, speakers=40), **options)
    assert check_parts(data, Shares()) == []
    assert min(split(data.samples, Shares()).counts().values()) > 0


def test_a_label_of_one_group_is_named_where_it_lacks(tmp_path: Path):
    rows = [f"some words {i},{'ab'[i % 2]},s{i % 40}\n" for i in range(120)]
    rows += [f"other words {i},rare,one\n" for i in range(12)]
    data = load(table(tmp_path / "t.csv", "text,label,speaker\n" + "".join(rows)))
    warnings = check_parts(data, Shares())
    parts = split(data.samples, Shares())
    lacking = [
        name
        for name, part in (
            ("train", parts.train),
            ("validation", parts.validation),
            ("test", parts.test),
        )
        if not any(s.label == "rare" for s in part)
    ]
    assert len(lacking) == 2
    assert [line.split(": ")[1] for line in warnings] == [
        f"no {name} sample of 'rare'" for name in lacking
    ]


def test_shipped_recipes_are_not_looked_at(tmp_path: Path):
    data, _ = deduplicate(load(texts(tmp_path, speakers=2)))
    assert check_parts(data, replace(Shares(), rule=1)) == []
