#!/usr/bin/env python3
"""Writes tests/golden/data/observers.json: the ranges that the observers must find for made-up values, by NumPy alone.
Percentiles are of the sorted values; entropy is the Model Optimizer's loop over candidates, mse the plain sum of
squared errors, both on a histogram laid out as clipq's. Run with .venv/bin/python from anywhere."""
import json
import pathlib

import numpy as np

TARGET = pathlib.Path(__file__).resolve().parent / "data" / "observers.json"
COUNT = 20011  # values a case, which come in BATCHES portions
BATCHES = 4
BINS = 2048  # a side
FLOAT8 = {"fp8_e4m3": (3, 7, 448), "fp8_e5m2": (2, 15, 57344)}  # bits of the mantissa, bias, largest value


def uniform(seed):
    """COUNT * 4 multiples of 2^-32 in [0, 1): a linear congruential generator."""
    values = np.empty(COUNT * 4)
    for i in range(values.size):
        seed = (seed * 1664525 + 1013904223) % 2**32
        values[i] = seed / 2**32
    return values.reshape(COUNT, 4)


def values_of(shape, seed):
    """Sums and quotients only, so that float64 gives the same in every language."""
    a, b, c, d = uniform(seed).T
    bell = a + b + c - 1.5
    tails = bell / (d + 0.02)
    shapes = {"bell": bell, "tails": tails, "lopsided": np.where(tails < 0, tails / 16, tails),
              "positive": a / (d + 0.02), "negative": -b / (d + 0.02),
              "spikes": np.where(d < 0.03, -2 - np.floor(c * 16) / 4, np.where(d < 0.06, -0.5, bell / 8))}
    return shapes[shape].astype(np.float32)


def max_range(x):
    return float(x.min()), float(x.max())


def moving_average(x, share=np.float32(0.01)):
    batches = np.array_split(x, BATCHES)
    low, high = batches[0].min(), batches[0].max()
    for batch in batches[1:]:
        low += share * (batch.min() - low)
        high += share * (batch.max() - high)
    return float(low), float(high)


def percentile(x, scheme, percent):
    share = percent / 100
    if scheme == "symmetric":
        amax = float(np.sort(np.abs(x))[int(np.ceil(share * x.size)) - 1])
        return -amax, amax
    ordered = np.sort(x)
    inside = int(np.ceil(share * x.size))
    return float(ordered[x.size - inside]), float(ordered[inside - 1])


def bin_width(x):
    width = 2.0**-40
    while np.abs(x).max() >= BINS * width:
        width *= 2
    return width


def signed_histogram(x):
    """Counts of negative and of other values by magnitude."""
    bins = np.floor(np.abs(x.astype(np.float64)) / bin_width(x)).astype(int)
    return [np.bincount(bins[side], minlength=BINS) for side in (x < 0, x >= 0)]


def divergence(counts, begin, end, levels):
    """KL(P || Q) for the window [begin, end) of all counts, as the Model Optimizer builds P and Q."""
    window = counts[begin:end].astype(np.float64)
    groups = np.digitize(np.arange(end - begin), np.linspace(0, end - begin, levels + 1)) - 1
    filled = window > 0
    q = np.zeros(end - begin)
    for group in range(levels):
        members = filled & (groups == group)
        if members.any():
            q[members] = window[members].mean()
    p = window.copy()
    p[0] += counts[:begin].sum()
    p[-1] += counts[end:].sum()
    if (p[q == 0] > 0).any():
        return np.inf
    p, q = p[p > 0] / p.sum(), q[p > 0] / q.sum()
    return float((p * np.log(p / q)).sum())


def entropy(x, scheme, levels):
    negative, positive = signed_histogram(x)
    if scheme == "symmetric":
        negative, positive = np.zeros(0, int), negative + positive
    for side in (negative, positive):
        side[:1] = side[1:2]
    width = bin_width(x)
    low, high = max_range(x)
    below = int(max(0, -low) / width) + 1 if negative.size and low < 0 else 0
    above = int((max(-low, high) if scheme == "symmetric" else max(0, high)) / width) + 1
    above = 0 if scheme == "affine" and high < 0 else above
    counts = np.concatenate([negative[::-1], positive])
    zero = negative.size
    found = {}
    for clip in range(1, max(below, above) + 1):
        begin, end = zero - min(clip, below), zero + min(clip, above)
        if end - begin >= levels:
            found[clip] = divergence(counts, begin, end, levels)
    best, second = sorted(found, key=found.get)[:2]
    assert found[second] - found[best] > 1e-9, "the choice hangs on rounding; take another seed"
    edge = best * width
    return clamp(low, high, edge)


def clamp(low, high, edge):
    return min(max(low, -edge), edge), min(max(high, -edge), edge)


def float8_values(name):
    """All values that aren't negative, in the order of their codes."""
    mantissa_bits, bias, largest = FLOAT8[name]
    codes = np.arange(128)
    exponent, mantissa = codes >> mantissa_bits, (codes % 2**mantissa_bits) / 2**mantissa_bits
    values = np.where(exponent == 0, mantissa * 2.0**(1 - bias), (1 + mantissa) * 2.0**(exponent - bias))
    return values[values <= largest]


def rounded_to_float8(x, name):
    grid = float8_values(name)
    magnitude = np.minimum(np.abs(x), grid[-1])
    above = np.clip(np.searchsorted(grid, magnitude), 1, grid.size - 1)
    to_above, to_below = grid[above] - magnitude, magnitude - grid[above - 1]
    up = (to_above < to_below) | ((to_above == to_below) & (above % 2 == 0))
    return np.sign(x) * np.where(up, grid[above], grid[above - 1])


def quantized(x, low, high, scheme, name, bits):
    """Scales and zero points are float32: that of [-t, t] lies halfway between two codes, and rounding decides."""
    low, high = np.float32(low), np.float32(high)
    if name in FLOAT8:
        scale = max(-low, high) / FLOAT8[name][2]
        return rounded_to_float8(x / scale, name) * scale
    if scheme == "symmetric":
        largest = 2**(bits - 1) - 1
        scale = max(-low, high) / largest
        return np.clip(np.round(x / scale), -largest, largest) * scale
    low, high, largest = min(low, np.float32(0)), max(high, np.float32(0)), 2**bits - 1
    scale = (high - low) / np.float32(largest)
    zero_point = np.round(-low / scale)
    return (np.clip(np.round(x / scale) + zero_point, 0, largest) - zero_point) * scale


def mse(x, scheme, name, bits):
    negative, positive = signed_histogram(x)
    low, high = max_range(x)
    counts = np.concatenate([negative[::-1], positive])
    centres = np.clip((np.arange(-BINS, BINS) + 0.5) * bin_width(x), low, high)
    found = {}
    for step in range(10, 201):
        span = clamp(low, high, max(-low, high) * step / 200)
        errors = centres - quantized(centres, *span, scheme, name, bits)
        found[span] = float((counts * errors**2).sum())
    best, second = sorted(found, key=found.get)[:2]
    assert found[second] > found[best] * (1 + 1e-5), "the choice hangs on rounding; take another seed"
    return best


def expectations(x):
    """(observer, format, scheme, bits, range)"""
    for scheme in ("symmetric", "affine"):
        yield "max", "int8", scheme, 8, max_range(x)
        yield "moving-average", "int8", scheme, 8, moving_average(x)
        yield "percentile", "int8", scheme, 8, percentile(x, scheme, 99.99)
        yield "percentile:97.5", "int8", scheme, 8, percentile(x, scheme, 97.5)
        for bits in (7, 8):
            levels = 2**(bits - 1) if scheme == "symmetric" else 2**bits
            yield "entropy", "int8", scheme, bits, entropy(x, scheme, levels)
            yield "mse", "int8", scheme, bits, mse(x, scheme, "int8", bits)
    for name in FLOAT8:
        yield "mse", name, "symmetric", 8, mse(x, "symmetric", name, 8)


def main():
    cases = []
    for seed, shape in enumerate(("bell", "tails", "lopsided", "positive", "negative", "spikes"), 1):
        x = values_of(shape, seed)
        for observer, name, scheme, bits, (low, high) in expectations(x):
            cases.append({"values": shape, "seed": seed, "bin_width": bin_width(x), "observer": observer,
                          "format": name, "scheme": scheme, "bits": bits, "min": low, "max": high})
    text = ",\n".join(json.dumps(case) for case in cases)
    TARGET.write_text(f'{{"count": {COUNT}, "batches": {BATCHES}, "cases": [\n{text}\n]}}\n')


if __name__ == "__main__":
    main()
