"""Which column is the group: none by a name that means other things as well."""

from pathlib import Path

import pytest

from tests.training.data.reading.made import load, table
from training.data.reading.read import check
from training.errors import BadData


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


@pytest.mark.parametrize(
    "rows",
    [
        "sepal,petal,species\n5.1,3.5,setosa\n4.9,3.0,setosa\n6.1,2.8,virginica\n6,3,virginica\n",
        "5.1,3.5,0\n4.9,3.0,0\n6.1,2.8,1\n6.3,2.9,1\n",
    ],
    ids=["named", "unnamed"],
)
def test_a_table_of_measurements_is_refused_by_that_name(tmp_path: Path, rows: str):
    with pytest.raises(BadData, match=r"t\.csv: besides labels it holds numbers alone"):
        check(table(tmp_path / "t.csv", rows))


def test_a_table_of_nothing_but_names_of_columns_is_refused(tmp_path: Path):
    with pytest.raises(BadData, match=r"t\.csv: the table has no row with values.*text, label"):
        check(table(tmp_path / "t.csv", "text,label\n"))
