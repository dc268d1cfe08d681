#!/usr/bin/env python3
"""Writes tests/golden/data/metrics.json: what the metrics of eval must give for made-up values, by scikit-learn 1.9.1,
SciPy 1.17.1 and NumPy 2.4.6. Calibration error and average precision are plain NumPy, the latter checked against
scikit-learn where the scores have no ties. Run with the Python of an environment that has them (not .venv):
    python3 -m venv /tmp/skl && /tmp/skl/bin/pip install scikit-learn==1.9.1 scipy==1.17.1 numpy==2.4.6
    /tmp/skl/bin/python tests/golden/make_metrics_golden.py"""
import json
import pathlib

import numpy as np
from scipy.stats import spearmanr
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

TARGET = pathlib.Path(__file__).resolve().parent / "data" / "metrics.json"
BINS = 15
EXACT = 1e-12  # a tolerance for the optimum itself


def rounded(values, digits=4):
    """Few digits keep the file small; the rounded values are the input."""
    return np.round(values, digits)


def clusters(rng, items, features, classes, spread):
    labels = np.arange(items) % classes
    centres = rng.standard_normal((classes, features)) * spread
    return rounded(centres[labels] + rng.standard_normal((items, features))), labels


def regression_problems(rng):
    """name, features, labels, values of C, tolerance."""
    features, labels = clusters(rng, 60, 6, 4, 0.8)
    yield "overlapping", features, labels, (0.316, 30), EXACT
    yield "default tolerance", features, labels, (0.316,), 1e-4
    yield "clip scale", rounded(features * [0.3, 0.3, 0.3, 0.3, 0.3, 0.01] + [0, 0, 0.5, 0, -2, 10]), labels, (0.316,), EXACT
    features, labels = clusters(rng, 40, 3, 4, 12)
    yield "separable", features, labels, (10,), EXACT
    features, labels = clusters(rng, 41, 4, 2, 0.7)
    features[:, 2] = 3  # a constant feature
    labels[40] = 2  # a class with one item
    yield "constant feature, single item", features, labels, (1,), EXACT


def regressions(rng):
    for name, features, labels, values_of_c, tolerance in regression_problems(rng):
        fits = []
        for c in values_of_c:
            # Newton's method finds the optimum to the last digits, which L-BFGS doesn't.
            solver = "newton-cholesky" if tolerance == EXACT else "lbfgs"
            fit = LogisticRegression(random_state=0, C=c, max_iter=1000, tol=tolerance, solver=solver).fit(features, labels)
            assert abs(fit.intercept_.sum()) < 1e-9
            fits.append({"c": c, "weight": fit.coef_.tolist(), "intercept": fit.intercept_.tolist(),
                         "probabilities": fit.predict_proba(features[:8]).tolist()})
        yield {"name": name, "tolerance": tolerance, "features": features.tolist(), "labels": labels.tolist(), "fits": fits}


def calibration_error(confidences, correct):
    error = 0.0
    for k in range(BINS):
        inside = (confidences > k / BINS) & (confidences <= (k + 1) / BINS)
        if k == 0:
            inside |= confidences == 0
        if inside.any():
            error += inside.mean() * abs(correct[inside].mean() - confidences[inside].mean())
    return error


def calibration(rng):
    edges = np.arange(BINS + 1) / BINS
    confidences = np.concatenate([edges, np.nextafter(edges[1:], 0), np.nextafter(edges[:-1], 1), rounded(rng.random(60))])
    correct = rng.random(confidences.size) < 0.7 * confidences
    cosines = rounded(rng.uniform(0.15, 0.35, (40, 12)))
    cosines[:3, 5] = cosines[:3].max(1)  # two classes that are equally near
    labels = np.where(rng.random(40) < 0.6, cosines.argmax(1), rng.integers(0, 12, 40))
    powers = np.exp(100 * cosines - (100 * cosines).max(1, keepdims=True))
    probabilities = powers / powers.sum(1, keepdims=True)
    of_logits = calibration_error(probabilities.max(1), cosines.argmax(1) == labels)
    return {"confidences": confidences.tolist(), "correct": correct.tolist(), "error": calibration_error(confidences, correct),
            "cosines": cosines.tolist(), "labels": labels.tolist(), "error_of_cosines": of_logits}


def average_precision(scores, positive):
    order = sorted(range(len(scores)), key=lambda i: (-scores[i], i))
    found, precisions = 0, []
    for rank, item in enumerate(order, 1):
        if positive[item]:
            found += 1
            precisions.append(found / rank)
    return sum(precisions) / max(found, 1)


def precision(rng, tied):
    scores = rounded(rng.standard_normal((30, 5)), 1 if tied else 8)
    targets = rng.random((30, 5)) < [0.5, 0.2, 0.05, 0, 1]
    targets[3, 2] = True
    each = [average_precision(scores[:, k], targets[:, k]) for k in range(5)]
    if not tied:
        for k in (0, 1, 2, 4):
            assert abs(each[k] - average_precision_score(targets[:, k], scores[:, k])) < 1e-12
    return {"scores": scores.tolist(), "targets": targets.tolist(), "per_class": each, "mean": float(np.mean(each))}


def correlation(rng):
    a = rounded(rng.standard_normal((6, 20)), 1)
    b = rounded(a + rng.standard_normal((6, 20)), 1)
    b[4] = -a[4]
    b[5] = np.exp(a[5])
    each = [spearmanr(x, y).statistic for x, y in zip(a, b)]
    return {"a": a.tolist(), "b": b.tolist(), "each": each, "mean": float(np.mean(each))}


def main():
    rng = np.random.default_rng(2026)
    golden = {"logistic_regression": list(regressions(rng)), "calibration_error": calibration(rng),
              "average_precision": [precision(rng, tied=False), precision(rng, tied=True)],
              "rank_correlation": correlation(rng)}
    TARGET.write_text(json.dumps(golden, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
