#!/usr/bin/env python3
"""Writes tests/golden/data/paired_differences.json: differences of a metric between two models on the same items, with
their 95 % intervals and McNemar's exact p-value, by Python alone and by other formulas than clipq's: single items from
the four cells of their table (Bonett and Price 2012), classes and clusters from their own means, the binomial in
fractions. Run with any Python 3 from anywhere."""
import fractions
import itertools
import json
import math
import pathlib
import random
import statistics

TARGET = pathlib.Path(__file__).resolve().parent / "data" / "paired_differences.json"
Z = statistics.NormalDist().inv_cdf(0.975)


def mcnemar(gained, lost):
    discordant = gained + lost
    tail = sum(fractions.Fraction(math.comb(discordant, k), 2**discordant) for k in range(min(gained, lost) + 1))
    return float(min(fractions.Fraction(1), 2 * tail))


def table_interval(base, new):
    """Laplace estimates of the two discordant cells, as the paper writes them."""
    n = len(base)
    f12 = sum(b < w for b, w in zip(base, new))
    f21 = sum(b > w for b, w in zip(base, new))
    p12, p21 = (f12 + 1) / (n + 2), (f21 + 1) / (n + 2)
    half = Z * math.sqrt((p12 + p21 - (p12 - p21) ** 2) / (n + 2))
    return p12 - p21 - half, p12 - p21 + half


def unit_interval(units):
    """Population variance of the units with one gained and one lost unit added."""
    units = [*units, 1, -1]
    mean = math.fsum(units) / len(units)
    half = Z * math.sqrt(math.fsum((u - mean) ** 2 for u in units) / len(units) / len(units))
    return mean - half, mean + half


def mean(values):
    return math.fsum(values) / len(values)


def class_mean(hits, strata):
    return mean([mean([h for h, s in zip(hits, strata) if s == c]) for c in set(strata)])


def cluster_units(base, new, clusters):
    starts = itertools.accumulate(clusters, initial=0)
    average_size = mean(clusters)
    for start, size in zip(starts, clusters):
        difference = mean(new[start:start + size]) - mean(base[start:start + size])
        yield difference * size / average_size


def stratum_units(base, new, strata):
    for b, w, c in zip(base, new, strata):
        yield (w - b) * len(base) / (len(set(strata)) * strata.count(c))


def expected(base, new, strata, clusters):
    if strata:
        difference = class_mean(new, strata) - class_mean(base, strata)
        low, high = unit_interval(list(stratum_units(base, new, strata)))
    else:
        difference = mean(new) - mean(base)
        low, high = unit_interval(list(cluster_units(base, new, clusters))) if clusters else table_interval(base, new)
    gained = sum(b < w for b, w in zip(base, new))
    lost = sum(b > w for b, w in zip(base, new))
    return {"difference": difference, "low": max(-1, low), "high": min(1, high), "gained": gained, "lost": lost,
            "p_value": None if strata or clusters else mcnemar(gained, lost)}


def cases():
    """(comment, base's hits, new model's hits, strata, clusters)"""
    yield "no item differs", [1, 1, 0, 1, 0, 1, 1, 1, 0, 1] * 2, [1, 1, 0, 1, 0, 1, 1, 1, 0, 1] * 2, [], []
    yield "one item", [0], [1], [], []
    yield "all lost", [1] * 6, [0] * 6, [], []
    yield "three gained, nine lost", [0] * 3 + [1] * 9 + [1] * 30, [1] * 3 + [0] * 9 + [1] * 30, [], []
    chance = random.Random(1)
    base = [int(chance.random() < 0.6) for _ in range(400)]
    new = [b ^ int(chance.random() < 0.1) for b in base]
    yield "400 items", base, new, [], []
    yield "classes of one size", base[:60], new[:60], [i % 5 for i in range(60)], []
    yield "unequal classes, labels with gaps", base[:90], new[:90], [[0, 0, 0, 7, 7, 31][i % 6] for i in range(90)], []
    yield "clusters of one size", base[:100], new[:100], [], [5] * 20
    yield "unequal clusters", base[:60], new[:60], [], [5, 5, 6, 1, 9, 4, 5, 7, 2, 16]
    yield "equal hits in clusters", base[:12], base[:12], [], [5, 7]


def main():
    lines = []
    for comment, base, new, strata, clusters in cases():
        case = {"comment": comment, "base": "".join(map(str, base)), "new": "".join(map(str, new)), "strata": strata,
                "clusters": clusters, **expected(base, new, strata, clusters)}
        lines.append(json.dumps(case))
    TARGET.write_text("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    main()
