"""Results with everything that a report can show, small and full of awkward text."""
import base64
import io

SHA256 = "0123456789abcdef" * 4
AWKWARD = 'a "b" \'c\' <img src=x onerror="window.broken=1"> </script><!-- | `d` *e*, f\ng & h 🐱 שלום \u202e\u2028 {{title}} {a|b}'
ENVIRONMENT = {"clipq": "0.1.0", "libtorch": "2.13.0", "cpu": f"CPU {AWKWARD}", "isa": "AVX2", "threads": 2,
               "time": "2026-01-02T03:04:05Z", "command": f"clipq eval '{AWKWARD}'"}
PARTS = {"image blocks": 2000, "image rest": 300, "token embedding": 900, "text blocks": 500, "text rest": 200, "archive": 100}
MODELS = [
    {"path": "base.pt", "sha256": SHA256, "size_bytes": 4000, "float32_bytes": 4000, "mode": "float", "parts": PARTS},
    {"path": f"dir/{AWKWARD}.pt", "sha256": SHA256[::-1], "recipe": AWKWARD, "component": "both", "size_bytes": 1000,
     "float32_bytes": 4000, "mode": "native", "kernels": "avx2", "parts": {**dict.fromkeys(PARTS, 150), "archive": 250}},
    {"path": "fp8.pt", "sha256": "f" * 64, "recipe": "fp8", "component": "image", "size_bytes": 1500, "float32_bytes": 4000,
     "mode": "simulate"},
]
BLOCKS, PAIRS, BINS = 3, 4, 96
LAYERS = [f"visual.transformer.resblocks.{i}.mlp.c_fc" for i in range(BLOCKS)]


def thumbnail():
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", (60, 40), (180, 40, 40)).save(buffer, "JPEG")
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def result(index, task, **members):
    model = {**MODELS[index], "mode": "float" if index == 0 else "simulate"} if task == "layers" else MODELS[index]
    return {"schema": "clipq.result/1", "task": task, "model": model, "environment": ENVIRONMENT, **members}


def data(dataset, items):
    return {"spec": f"coco:{AWKWARD}", "dataset": dataset, "items": items, "sha256": SHA256, "templates": 18}


def classified(index):
    hits = "0" * (400 + 30 * index) + "1" * (600 - 30 * index)
    return result(index, "zeroshot_classification", data=data("cifar100", 1000), metrics={"acc1": hits.count("1") / 1000, "ece": 0.05},
                  outcomes={"acc1": {"hits": hits}}, settings={"templates": AWKWARD})


def benched(index):
    stats = {"min_ms": 80 / (index + 1), "median_ms": 90 / (index + 1), "p95_ms": 99 / (index + 1), "repeats": 10}
    return result(index, "bench", latency={"image": {"1": stats, "8": stats}, "text": {"1": stats}})


def example(index):
    top = [{"image": AWKWARD if i == index else f"{i}.jpg", "cosine": 0.3 - i / 100, "right": i == index} for i in range(5)]
    return {"query": AWKWARD, "why": "changed", "rank": index + 1, "top": top}


def drifted(index):
    names = [f"{AWKWARD} {i}" for i in range(PAIRS)]
    cosines = [[0.1 * (i == j) + 0.2 + index / 1000 * (i - j) for j in range(PAIRS)] for i in range(PAIRS)]
    details = {"similarity_map": {"images": names, "texts": names, "cosines": cosines}, "retrieval_examples": [example(index)]}
    if index == 0:
        details["thumbnails"] = {AWKWARD: thumbnail(), **{f"{i}.jpg": thumbnail() for i in range(5)}}
    return result(index, "drift", data=data("mscoco_captions", 50), metrics={"image_cosine_mean": 1 - index / 1000}, details=details)


def searched(index):
    def search(direction, side, queries, storage):
        loss = {"value": 0.01 * index, "low": -0.01, "high": 0.03}
        return {"direction": direction, "format": storage, "index": side, "queries": queries, "recall": {"1": 0.5, "10": 0.9 - 0.01 * index},
                "loss": {"1": loss, "10": loss}, "overlap": 1 - 0.1 * index, "displacement": 0.2 * index}

    storages = ("float32", "binary") if index < 2 else ("float32", "sq8")
    pairings = [("first", "own"), ("own", "own"), ("own", "first")] if index else [("first", "first")]
    searches = [search(direction, *pairing, storage) for direction in ("image_retrieval", "text_retrieval")
                for storage in storages for pairing in pairings]
    verdicts = [{"format": storage, "verdict": "undecided", "text": f"{storage} {AWKWARD}"} for storage in storages[index == 0:]]
    return result(index, "index_compatibility", data=data("mscoco_captions", 50), metrics={"mixed_image_retrieval_recall@10": 0.9},
                  settings={"base_sha256": SHA256, "captions": 250, "largest_loss": 1.0}, details={"index_compatibility": {"verdicts": verdicts, "searches": searches}})


def histogram(low, high, **members):
    return {**members, "low": low, "high": high, "counts": [1 + (BINS - abs(2 * i - BINS)) ** 2 for i in range(BINS)]}


def layered(index):
    depth = {"cosine": [1 - index * i / 1e4 for i in range(BLOCKS)], "sqnr_db": [40 - index - i for i in range(BLOCKS)]}
    details = {"depth": {"image": depth, "text": depth}, "weights": [histogram(-1, 1, name=name) for name in LAYERS]}
    if index == 0:
        details["gelu"] = {"image": [histogram(-0.2, 8)] * BLOCKS, "text": [histogram(-0.2, 9)] * BLOCKS}
        places = {"ratio": 20.5, "share": 1.0, "places": [{"index": 5, "share": 1.0}, {"index": 9, "share": 0.25}]}
        none = {"ratio": 2.5, "share": 0.0, "places": []}
        rows = [{"tokens": none, "channels": none}, *[{"tokens": places, "channels": none}] * (BLOCKS - 1)]
        inputs = [{"name": name, "tokens": none, "channels": none if i else places} for i, name in enumerate(LAYERS)]
        details["outliers"] = {"image": {"blocks": rows, "inputs": inputs}, "text": {"blocks": rows[:1] * BLOCKS, "inputs": inputs[1:]}}
    else:
        details["gelu_ranges"] = {"image": [[-0.2, 6.0], None, [-0.2, 7.0]], "text": [None] * BLOCKS}
        details["quantizers"] = [{"name": f"{name}.weight_quantizer", "what": f"8 bit {AWKWARD}", "range": [-1.0, 1.0], "scales": 4,
                                  "clipped": 0.001, "sqnr_db": 40.0 - i, "output_cosine": 0.9999} for i, name in enumerate(LAYERS)]
        details["quantizers"].append({"name": f"{LAYERS[0]}.input_quantizer", "what": "8 bit per-token", "clipped": 0.0, "sqnr_db": 41.0,
                                       "tokens": {"ratio": 12.25, "share": 0.02}, "channels": {"ratio": 3.5, "share": 0.0}})
    return result(index, "layers", data=data("mscoco_captions", 8), metrics={"image_block_cosine_min": 0.99}, details=details)


def mixture(i):
    return {"cosine": 1 - (i + 1) / 1e3, "agreement": 1 - (i + 1) / 100, "metrics": {"acc1": 0.6 - i / 100},
            "differences": {"acc1": {"difference": -i / 100, "low": -i / 100 - 0.01, "high": 0.01}}}


def sensitive():
    groups = [{"name": f"{AWKWARD} {i}", "tower": tower, "stage": i, "quantizers": 2, "globs": ["*"], "one_only": mixture(i),
               "leave_one_out": mixture(i + 1)} for tower in ("image", "text") for i in range(BLOCKS)]
    quantized = {name: value for name, value in mixture(3).items() if name != "cosine"} | {"cosines": {"image": 0.99, "text": 0.98}}
    details = {"task": "zeroshot_classification", "recipe": AWKWARD, "component": "both", "computed": AWKWARD, "metric": "acc1",
               "quantized": quantized, "groups": groups}
    return {**classified(0), "task": "sensitivity", "details": {"sensitivity": details}}


def tried(i, **members):
    metrics = {"acc1": {"float": 0.6, "quantized": 0.6 - i / 100, "difference": -i / 100, "low": -i / 100 - 0.01, "high": 0.01}}
    return {"name": f"{AWKWARD} {i}", "found": i == 1, "cost": 1e6 / (i + 1), "size_bytes": 1_000_000 // (i + 1), **members, "held_out": metrics, "share_of_floats_time": 0.5 + i / 10}


def found():
    """A Result of a search."""
    metrics = tried(1)["held_out"]
    groups = [{"name": f"{AWKWARD} {i}", "tower": "image", "chosen": AWKWARD,
               "formats": {AWKWARD: {"cost": 10.0, "cosine": 0.99, "agreement": 0.9, "expected_changes": 0.1}, "float": {"cost": 40.0}}}
              for i in range(BLOCKS)]
    details = {"task": "zeroshot_classification", "goals": [{"metric": "acc1", "most_drop_points": 1.5}], "require_certain": False,
               "minimize": "size", "cost_unit": "bytes", "latency_batch": 1, "formats": [AWKWARD, "float"], "seed": 0,
               "data": {"dataset": "cifar100", "items": 100, "sha256": SHA256}, "sensitivity_items": 50, "ran_out_of_time": False,
               "seconds": {"sensitivity": 1.0, "trials": 2.0, "held_out": 3.0}, "groups": groups,
               "tried": [*(tried(i, formats={AWKWARD: BLOCKS}, expected_changes=0.1, meets_goals=i < 2, search=metrics) for i in range(3)),
                         tried(3)],
               "verdicts": [{"status": "uncertain", "text": AWKWARD}]}
    return {**classified(0), "task": "search", "details": {"search": details}}


def everything():
    results = [make(index) for make in (classified, benched, drifted, searched) for index in range(len(MODELS))]
    return [*results, sensitive(), found(), *(layered(index) for index in range(len(MODELS)))]
