"""A trained network whose tokenizer does not know the texts is not taken."""

from pathlib import Path

import numpy as np
import pytest

from tests.training.conftest import REPOSITORY
from tests.training.samples import sample, sentence
from training.data.dataset import Dataset
from training.errors import BadData
from training.recipes.auto import auto_recipe
from training.transfer import resolve_network, start_samples
from training.transfer.language import check_language

CHINESE = ["酒店很干净，服务很好", "房间很脏，服务很差"]


def texts(lines: list[str]) -> Dataset:
    samples = [sample(f"{i}", str(i % 2), line.encode()) for i, line in enumerate(lines)]
    return Dataset("lines", "", "", samples)


def test_english_texts_are_known_and_chinese_ones_are_not() -> None:
    rng = np.random.default_rng(1)
    network = resolve_network("minilm", "text", REPOSITORY / "models")
    check_language(network, texts([sentence("ham", rng) for _ in range(20)]))
    with pytest.raises(BadData, match=r"tokenizer of minilm does not know \d+\.\d % .* --from"):
        check_language(network, texts(CHINESE * 10))


def test_pictures_have_no_language() -> None:
    network = resolve_network("digits", "image", REPOSITORY / "models")
    check_language(network, texts(CHINESE))


def test_features_of_a_foreign_language_are_refused(tmp_path: Path) -> None:
    table = tmp_path / "zh.csv"
    lines = [f"{CHINESE[i % 2]}{i},{i % 2}" for i in range(20)]
    table.write_text("text,label\n" + "\n".join(lines), encoding="utf-8")
    recipe = auto_recipe(table, None)
    with pytest.raises(BadData, match="another language"):
        start_samples(recipe, recipe.load(None), "features", (None, REPOSITORY / "models"))
