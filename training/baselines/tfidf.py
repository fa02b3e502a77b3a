"""The baseline of a text classifier: tf-idf and logistic regression."""

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from app.modalities.text.plain_text import plain_text
from training.data.split import Splits

_STRENGTHS = (1.0, 10.0, 100.0, 1000.0)  # inverse regularisation, chosen on validation


def tfidf_logistic_regression(splits: Splits) -> tuple[str, np.ndarray]:
    """Fit the best linear model over word pairs; return a line on it and its correct predictions.

    The latter is bool (test samples,).
    """
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)
    texts = [
        [plain_text(sample.payload.data.decode()) for sample in part]
        for part in (splits.train, splits.validation, splits.test)
    ]
    labels = [
        [sample.label for sample in part] for part in (splits.train, splits.validation, splits.test)
    ]
    train = vectorizer.fit_transform(texts[0])
    validation, test = vectorizer.transform(texts[1]), vectorizer.transform(texts[2])
    models = [
        LogisticRegression(C=strength, max_iter=2000).fit(train, labels[0])
        for strength in _STRENGTHS
    ]
    best = max(models, key=lambda model: model.score(validation, labels[1]))
    text = (
        "tf-idf over words and word pairs, logistic regression, "
        f"its strength (C={best.C:g}) chosen on the validation split"
    )
    return text, best.predict(test) == np.asarray(labels[2])
