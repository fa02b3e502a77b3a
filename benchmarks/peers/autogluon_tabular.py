"""AutoGluon Tabular: `python autogluon_tabular.py TRAIN TEST OUT SECONDS`, from tables to labels.

The tables are CSV with the column `label`, and `text` or numbers. A text column becomes AutoGluon's
own n-gram features, whatever the script it is written in.
"""

import json
import resource
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas
from autogluon.tabular import FeatureMetadata, TabularPredictor


def processor() -> float:
    """Return the seconds of this process and of its ended children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def main() -> None:
    """Fit, answer, and write JSON."""
    train, test, out, seconds = sys.argv[1:]
    kinds = {"label": str, "text": str}
    learnt, asked = (
        pandas.read_csv(path, dtype=kinds, keep_default_na=False) for path in (train, test)
    )
    metadata = None
    if "text" in learnt:
        metadata = FeatureMetadata({"text": "object"}, type_map_special={"text": ["text"]})
    with TemporaryDirectory() as folder:
        predictor = TabularPredictor("label", eval_metric="accuracy", path=folder, verbosity=1)
        wall, used = time.perf_counter(), processor()
        predictor.fit(learnt, time_limit=float(seconds), feature_metadata=metadata or "infer")
        wall, used = time.perf_counter() - wall, processor() - used
        labels = predictor.predict(asked.drop(columns="label")).astype(str).tolist()
        small = predictor.clone_for_deployment(f"{folder}/deployed")
        files = [path for path in Path(small).rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files) / 1e6
        best = predictor.model_best
    found = {"labels": labels, "seconds": wall, "cpu_seconds": used, "megabytes": size}
    Path(out).write_text(json.dumps(found | {"remark": best}))


if __name__ == "__main__":
    main()
