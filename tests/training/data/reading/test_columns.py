"""Which column is the group: none by a name that means other things as well."""

from pathlib import Path

import pytest

from tests.training.data.reading.made import load, table


def rows(header: str, row: str) -> str:
    lines = [row.format(i=i, label="ab"[i % 2], who=f"p{i % 3}") for i in range(12)]
    return "\n".join([header, *lines]) + "\n"


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("title,text,subject,label", "news {i},some words {i},politics,{label}"),
        ("subject,body,label", "hello {i},some words {i},{label}"),
        ("text,group,label", "some words {i},{who},{label}"),
    ],
)
def test_a_subject_or_a_group_is_no_person(tmp_path: Path, header: str, row: str):
    data = load(table(tmp_path / "t.csv", rows(header, row)))
    assert {s.group for s in data.samples} == {""}
    assert data.counts() == {"a": 6, "b": 6}


@pytest.mark.parametrize("name", ["speaker", "patient", "subject_id", "Group_ID"])
def test_a_person_is_a_group_unless_it_is_switched_off(tmp_path: Path, name: str):
    path = table(tmp_path / "t.csv", rows(f"text,label,{name}", "some words {i},{label},{who}"))
    assert {s.group for s in load(path).samples} == {"p0", "p1", "p2"}
    assert {s.group for s in load(path, group_column="none").samples} == {""}


def test_a_column_may_be_called_none(tmp_path: Path):
    path = table(tmp_path / "t.csv", rows("text,label,None", "some words {i},{label},{who}"))
    assert {s.group for s in load(path, group_column="none").samples} == {"p0", "p1", "p2"}
