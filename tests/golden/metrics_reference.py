"""Every metric of `clipq eval` from features alone, in NumPy, SciPy and scikit-learn: what the program must print.

Features are [items, width] arrays as `clipq eval --save-features` writes them, or anybody else's.
"""
import numpy as np


def unit(x):
    x = x.astype(np.float64)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def classifier(prompts, classes):
    return unit(unit(prompts).reshape(classes, -1, prompts.shape[1]).mean(1))


def ranks_of_labels(scores, labels):
    """How many classes rank before the label; among equal scores the lowest index first."""
    order = np.argsort(-scores, axis=1, kind="stable")
    return np.argmax(order == labels[:, None], axis=1)


def classification(scores, labels, prefix=""):
    ranks = ranks_of_labels(scores, labels)
    recalls = [np.mean(ranks[labels == c] == 0) for c in np.unique(labels)]
    return {prefix + "acc1": np.mean(ranks == 0),
            prefix + "acc5": np.mean(ranks < 5) if scores.shape[1] >= 5 else None,
            prefix + "mean_per_class_recall": np.mean(recalls)}


def zeroshot_classification(images, prompts, labels, classes):
    return classification(100 * unit(images) @ classifier(prompts, classes).T, labels)


def mean_average_precision(images, prompts, targets):
    """targets: bool [items, classes]; CLIP_benchmark's definition."""
    scores = unit(images) @ classifier(prompts, targets.shape[1]).T
    precisions = []
    for c in range(targets.shape[1]):
        truth = targets[np.argsort(-scores[:, c], kind="stable"), c]
        precision = np.cumsum(truth) / np.arange(1, len(truth) + 1)
        precisions.append(precision[truth].sum() / max(truth.sum(), 1))
    return {"mean_average_precision": np.mean(precisions)}


def zeroshot_retrieval(images, texts, image_of, ks):
    """image_of: the image of each text."""
    scores = unit(texts) @ unit(images).T
    metrics = {}
    order = np.argsort(-scores, axis=1, kind="stable")
    for k in ks:
        metrics[f"image_retrieval_recall@{k}"] = np.mean((order[:, :k] == image_of[:, None]).any(1))
    order = np.argsort(-scores.T, axis=1, kind="stable")
    for k in ks:
        own = image_of[order[:, :k]] == np.arange(len(images))[:, None]
        metrics[f"text_retrieval_recall@{k}"] = np.mean(own.any(1))
    return metrics


def int8_codes(x, ranges):
    """sentence-transformers' quantize_embeddings, but clamped where it wraps around."""
    steps = np.maximum((ranges[1] - ranges[0]) / np.float32(255), np.float32(1e-30))
    return np.clip(np.trunc((x - ranges[0]) / steps - 128), -128, 127)


def stored(rows, queries, storage):
    """What an index multiplies, of normalized embeddings."""
    if storage == "float32":
        return rows, queries
    if storage == "binary":
        return (rows.astype(np.float32) > 0) * 2.0 - 1, (queries.astype(np.float32) > 0) * 2.0 - 1
    low, high = ranges = np.stack([rows.astype(np.float32).min(0), rows.astype(np.float32).max(0)])
    if storage == "int8":
        return tuple(int8_codes(x.astype(np.float32), ranges).astype(np.float64) for x in (rows, queries))
    share = (rows.astype(np.float32) - low) / (high - low)
    codes = np.floor(np.clip(share, 0, 1) * np.float32(255))
    return ((codes + np.float32(0.5)) / np.float32(255) * (high - low) + low).astype(np.float64), queries


def search_order(rows, queries, storage, rescored=0):
    """All rows for each query, best first; of scores that are equal when rounded, the lowest index first."""
    rows, queries = unit(rows), unit(queries)
    kept, asked = stored(rows, queries, storage)
    step = 1e-12 * np.linalg.norm(kept, axis=1).max()
    order = np.argsort(-np.round(asked @ kept.T / step), axis=1, kind="stable")
    for query, best in zip(queries, order):
        if rescored:
            first = best[:rescored].copy()
            best[:rescored] = first[np.argsort(-np.round(kept[first] @ query / step), kind="stable")]
    return order


def index_search(base, order, right, ks):
    """What `index_compatibility` says of one search.

    base, order: search_order() of the first model's plain search and of this one; right: bool [queries, rows].
    """
    ranks = np.argmax(np.take_along_axis(right, order, 1), axis=1)
    places = np.argsort(order, axis=1)
    first = base[:, :10]
    moved = np.abs(np.take_along_axis(places, first, 1) - np.arange(first.shape[1]))
    overlap = [np.isin(a, b).mean() for a, b in zip(first, order[:, :10])]
    return {"recall": {str(k): np.mean(ranks < k) for k in ks}, "overlap": np.mean(overlap), "displacement": moved.mean()}


def linear_probe(train, train_labels, images, labels, c, iterations=1000, tolerance=1e-4):
    """Metrics, coefficients and intercepts of scikit-learn's logistic regression."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=c, max_iter=iterations, tol=tolerance).fit(train.astype(np.float64), train_labels)
    return classification(model.decision_function(images.astype(np.float64)), labels, "lp_"), model


def cosines(base, other, tower):
    values = (unit(base) * unit(other)).sum(-1)
    return {f"{tower}_cosine_mean": values.mean(), f"{tower}_cosine_p1": np.percentile(values, 1),
            f"{tower}_cosine_min": values.min()}


def rank_correlation(base, other):
    from scipy.stats import spearmanr

    return np.mean([spearmanr(a, b).statistic for a, b in zip(base, other)])


def expected_calibration_error(scores, labels, bins=15):
    exponentials = np.exp(scores - scores.max(1, keepdims=True))
    confidences = (exponentials / exponentials.sum(1, keepdims=True)).max(1)
    right = scores.argmax(1) == labels
    edges = np.linspace(0, 1, bins + 1)
    error = 0.0
    for low, high in zip(edges[:-1], edges[1:]):
        inside = (confidences > low) & (confidences <= high)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - confidences[inside].mean())
    return error


def drift_labelled(base, other, labels, classes):
    """base, other: (images, prompts)."""
    scores = [100 * unit(images) @ classifier(prompts, classes).T for images, prompts in (base, other)]
    return {**cosines(base[0], other[0], "image"), **cosines(base[1], other[1], "text"),
            "top1_agreement": np.mean(scores[0].argmax(1) == scores[1].argmax(1)),
            "ece": expected_calibration_error(scores[1], labels)}


def drift_captioned(base, other):
    """base, other: (images, texts)."""
    scores = [unit(texts) @ unit(images).T for images, texts in (base, other)]
    return {**cosines(base[0], other[0], "image"), **cosines(base[1], other[1], "text"),
            "image_rank_correlation": rank_correlation(scores[0], scores[1]),
            "text_rank_correlation": rank_correlation(scores[0].T, scores[1].T)}
