"""Anyone's table: formats, columns, rows that cannot be used."""

import codecs
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.training.data.reading.made import KINDS, fill, found, load, table
from tests.training.data.reading.workbook import workbook
from training.data.dataset import TEST, TRAIN, VALIDATION
from training.data.duplicates import deduplicate
from training.data.reading.options import ReadingOptions
from training.data.reading.read import check, modality
from training.errors import BadData, MissingData

WEIRD = "très bien, dit-elle"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.csv", f'text,label\n"hello, you",1\n"two\nlines","{WEIRD}"\n'),
        ("t.csv", f'\ufefflabel,id,text\n1,7,"hello, you"\n"{WEIRD}",8,"two\nlines"\n'),
        ("t.csv", f'Text ; LABEL\n"hello, you";1\n"two\nlines";{WEIRD}\n'),
        ("t.csv", f'sep=;\ntext;label\n"hello, you";1\n"two\nlines";{WEIRD}\n'),
        ("t.csv", f'text\tlabel\nhello, you\t1\n"two\nlines"\t{WEIRD}\n'),
        ("t.tsv", f'text\tlabel\nhello, you\t1\n"two\nlines"\t{WEIRD}\n'),
        ("t.txt", f'text|label\nhello, you|1\n"two\nlines"|{WEIRD}\n'),
        ("t", f'category,review\r\n1,"hello, you"\r\n"{WEIRD}","two\nlines"\r\n'),
        (
            "t.jsonl",
            '{"text": "hello, you", "label": 1}\n\n'
            f'{{"label": "{WEIRD}", "text": "two\\nlines"}}',
        ),
        (
            "t.NDJSON",
            f'\ufeff{{"text": "hello, you", "label": "1"}}\r\n'
            f'{{"label": "{WEIRD}", "text": "two\\nlines"}}\r\n',
        ),
        (
            "t.json",
            '[{"text": "hello, you", "label": 1}, '
            f'{{"label": "{WEIRD}", "text": "two\\nlines"}}]',
        ),
    ],
)
@pytest.mark.parametrize("charset", ["utf-8", "utf-16", "utf-16-le"])
def test_formats_are_equivalent(tmp_path: Path, name: str, text: str, charset: str):
    if charset == "utf-16-le":
        text = text.removeprefix("\ufeff")
    data = load(
        table(tmp_path / name, text.removeprefix("\ufeff" * (charset != "utf-8")).encode(charset))
    )
    assert found(data) == [("1", "hello, you"), (WEIRD, "two\nlines")]
    assert modality(data, KINDS) == "text"
    assert data.unreadable == []


def test_parquet_and_excel_are_tables(tmp_path: Path):
    rows = {"id": [1, 2], "text": ["hello, you", "two\nlines"], "label": [1, 0]}
    pq.write_table(pa.table(rows), tmp_path / "t.parquet")
    data = load(tmp_path / "t.parquet")
    assert found(data) == [("1", "hello, you"), ("0", "two\nlines")]
    assert data.samples[1].name == "t.parquet, row 2"


def test_names_of_classes_come_with_a_parquet_file(tmp_path: Path):
    features = {"label": {"names": ["neg", "pos"], "_type": "ClassLabel"}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    rows = pa.table({"text": ["good", "bad", "odd"], "label": [1, 0, 7]})
    pq.write_table(rows.replace_schema_metadata(metadata), tmp_path / "t.parquet")
    assert [s.label for s in load(tmp_path / "t.parquet").samples] == ["pos", "neg", "7"]


def test_whole_numbers_of_a_workbook_are_whole(tmp_path: Path):
    rows = [["text", "label"], ["hello, you", 1], ["two\nlines", 0], ["", ""], ["more", 0.5]]
    data = load(workbook(tmp_path / "t.xlsx", rows))
    assert found(data) == [("1", "hello, you"), ("0", "two\nlines"), ("0.5", "more")]


@pytest.mark.parametrize(
    ("charset", "text"),
    [
        ("latin-1", "café au lait"),
        ("cp1252", "Größe überall, schön, daß „es“ geht – 5 €"),
        ("cp1251", "Привет мир, как дела сегодня у вас"),
        ("cp1250", "Zażółć gęślą jaźń, dziękuję bardzo za świetną książkę"),
        ("gb18030", "房间很大，床有两米宽，整体感觉经济实惠不错"),
        ("shift_jis", "今日はいい天気ですね、散歩に行きましょう"),
    ],
)
def test_other_encodings_are_found_and_said(tmp_path: Path, charset: str, text: str):
    rows = f"text\tlabel\n{text}\ta\nplain\tb\n"
    data = load(table(tmp_path / "t.tsv", rows.encode(charset)))
    assert found(data) == [("a", text), ("b", "plain")]
    assert "if letters are wrong, save it as UTF-8" in data.notes[0]


def test_binary_data_are_no_table(tmp_path: Path):
    with pytest.raises(BadData, match=r"expected a folder, a table \(.csv, .tsv"):
        check(table(tmp_path / "x.bin", bytes(range(256)) * 9))
    with pytest.raises(MissingData, match="no does not exist"):
        check(tmp_path / "no")


@pytest.mark.parametrize(
    ("value", "label"), [("3", "3"), ("true", "True"), ("0.5", "0.5"), ('" a b "', "a b")]
)
def test_json_labels_need_not_be_strings(tmp_path: Path, value: str, label: str):
    data = load(table(tmp_path / "t.jsonl", f'{{"text": "words", "label": {value}}}'))
    assert found(data) == [(label, "words")]


def test_rows_that_cannot_be_used_are_named_by_their_lines(tmp_path: Path):
    rows = (
        'text,label\ngood,a\n,a\n"  ",a\nno label,\nshort\nlong,a,b\n"two\nlines",\n'
        "good too,b\nx,nan\n"
    )
    data = load(table(tmp_path / "t.csv", rows))
    assert found(data) == [("a", "good"), ("b", "good too")]
    assert data.unreadable == [
        "t.csv, line 3 (the text is missing)",
        "t.csv, line 4 (the text is missing)",
        "t.csv, line 5 (the label is missing)",
        "t.csv, line 6 (1 field where the table has 2)",
        "t.csv, line 7 (3 fields where the table has 2)",
        "t.csv, line 8 (the label is missing)",
        "t.csv, line 11 (the label is missing: nan)",
    ]


def test_bad_json_lines_are_named(tmp_path: Path):
    lines = (
        '{"text": "good", "label": "a"}\n{"text": \n[1]\n{"text": "no label"}\n'
        '{"text": "many", "label": ["a", "b"]}\n{"text": ["a"], "label": "a"}\n'
    )
    data = load(table(tmp_path / "t.jsonl", lines))
    assert found(data) == [("a", "good")]
    assert data.unreadable == [
        "t.jsonl, line 2 (not a JSON object)",
        "t.jsonl, line 3 (not a JSON object)",
        "t.jsonl, line 4 (the label is missing)",
        "t.jsonl, line 5 (the label is a list; one label for each sample is expected)",
        "t.jsonl, line 6 (the text is no text)",
    ]


def test_a_very_long_text_is_read(tmp_path: Path):
    data = load(table(tmp_path / "t.csv", f"text,label\n{'word ' * 60_000},a\n"))
    assert len(data.samples[0].payload.data) == 300_000


def rows_of(header: str, count: int = 12, row: str = "some words {i},{label},{i},g{g}") -> str:
    lines = [row.format(i=i, label="ab"[i % 2], g=i // 4) for i in range(count)]
    return "\n".join([header, *lines]) + "\n"


def test_columns_are_named_by_options(tmp_path: Path):
    path = table(tmp_path / "t.csv", rows_of("Words,Kind,Nr,Who"))
    data = load(path, text_column="words", label_column=" KIND", group_column="4")
    assert data.samples[5].group == "g1"
    assert data.counts() == {"a": 6, "b": 6}
    assert data.notes[-1] == "t.csv: the text is 'Words', the label is 'Kind', the group is 'Who'"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"text_column": "wrods"},
            "--text-column wrods: there is no such column in t.csv; its col",
        ),
        ({"label_column": "5"}, "--label-column 5: there is no such column"),
        ({"text_column": "Words", "label_column": "1"}, "a column cannot be two things"),
        (
            {"split_column": "Who"},
            "--split-column: 'Who' of t.csv holds 'g0', 'g1', 'g2'; expected tr",
        ),
    ],
)
def test_wrong_columns_are_refused(tmp_path: Path, options: dict[str, str], said: str):
    path = table(tmp_path / "t.csv", rows_of("Words,Kind,Nr,Who"))
    chosen = ReadingOptions(**{"text_column": "Words", "label_column": "Kind", **options})
    with pytest.raises(BadData, match=said):
        check(path, chosen)


def test_what_is_not_clear_is_asked(tmp_path: Path):
    path = table(
        tmp_path / "t.csv", rows_of("first,second,third", row="words {i},others {i},{label}")
    )
    with pytest.raises(
        BadData, match=r"not clear which column is the text \(--text-column\); its col"
    ):
        check(path)
    assert load(path, text_column="second").counts() == {"a": 6, "b": 6}


def test_two_usual_names_are_not_decided_between(tmp_path: Path):
    path = table(
        tmp_path / "t.csv", rows_of("text,topic,sentiment", row="words {i},{label},{label}")
    )
    with pytest.raises(
        BadData, match=r"the label \(--label-column\); its columns: text, topic, se"
    ):
        check(path)


def test_a_table_without_names_is_read_by_what_is_in_it(tmp_path: Path):
    lines = [f"some words {i}\t{'ab'[i % 2]}\t{'aab'[i % 2] + str(i % 4)}" for i in range(40)]
    data = load(table(tmp_path / "t.tsv", "\n".join(lines)))
    assert (len(data.samples), data.counts()) == (40, {"a": 20, "b": 20})
    assert data.samples[0].name == "t.tsv, line 1"
    numbered = load(tmp_path / "t.tsv", text_column="1", label_column="3")
    assert len(numbered.counts()) == 4


def test_splits_and_groups_come_from_columns(tmp_path: Path):
    values = ["train", "Test", "val", "training"] * 3
    rows = [f"words {i},{'ab'[i % 2]},{value},s{i % 3}" for i, value in enumerate(values)]
    path = table(tmp_path / "t.csv", "\n".join(["text,label,split,speaker", *rows]))
    data = load(path)
    assert [s.fixed for s in data.samples[:4]] == [TRAIN, TEST, VALIDATION, TRAIN]
    assert [s.group for s in data.samples[:4]] == ["s0", "s1", "s2", "s0"]


def test_a_table_of_texts_is_the_folder_of_the_same_texts(tmp_path: Path):
    texts = [(f"some words {i}", "ab"[i % 2]) for i in range(12)]
    for i, (text, label) in enumerate(texts):
        fill(tmp_path / "folder", {f"{label}/{i}.txt": text})
    rows = "\n".join(f"{text},{label}" for text, label in texts)
    data = load(table(tmp_path / "t.csv", f"text,label\n{rows}\n"))
    assert data.sha256 == load(tmp_path / "folder").sha256
    digests = {s.digest for s in data.samples}
    assert digests == {s.digest for s in load(tmp_path / "folder").samples}


def test_numbers_as_targets_are_no_labels(tmp_path: Path):
    rows = "\n".join(f"words {i},{i * 0.37:.2f}" for i in range(60))
    with pytest.raises(BadData, match=r"60 different numbers.*no regression"):
        check(table(tmp_path / "t.csv", f"text,target\n{rows}\n"))


def test_texts_that_differ_in_space_or_capitals_are_one(tmp_path: Path):
    rows = [f"{text} number {i},{'ab'[i % 2]}" for i in range(9) for text in ("A", "a", "a ", " A")]
    data = load(table(tmp_path / "t.csv", "\n".join(["text,label", *rows])))
    kept, remarks = deduplicate(data)
    assert (len(kept.samples), remarks) == (9, ["27 duplicate(s) dropped"])


def test_codes_keep_their_case_and_that_is_said(tmp_path: Path):
    path = table(
        tmp_path / "t.csv", "smiles,label\n" + "c1ccccc1,a\nC1CCCCC1,b\nCC#N,a\nCCO,b\n" * 2
    )
    data = load(path)
    assert data.keeps_case and "--text-case lower" in data.warnings[0]
    assert len(deduplicate(data)[0].samples) == 4
    lower = load(path, text_case="lower")
    assert not lower.keeps_case and lower.warnings == []
    kept, remarks = deduplicate(lower)
    assert len(kept.samples) == 2 and "c1ccccc1" not in [
        s.payload.data.decode() for s in kept.samples
    ]
    assert len(remarks) == 2


def test_an_empty_table_says_so(tmp_path: Path):
    for content in ("", codecs.BOM_UTF8, "\n\n"):
        with pytest.raises(BadData, match="is empty"):
            check(table(tmp_path / "t.csv", content))


def test_many_texts_are_read_by_processes_as_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    rows = "\n".join(f"words {i % 700},{'ab'[i % 2]}" for i in range(9_000))
    path = table(tmp_path / "t.csv", f"text,label\n{rows}\n\u200b,a\n")
    alone = load(path)
    monkeypatch.setattr("training.data.reading.texts._MANY", 10)
    path.touch()
    together = load(path)
    assert together is not alone and together.sha256 == alone.sha256
    assert (together.samples.keys == alone.samples.keys).all()
    assert together.unreadable == alone.unreadable and len(alone.unreadable) == 1
