"""Ways of damaging files. Each takes the random generator and the file's bytes and returns other bytes."""
import copy
import io
import json
import pickletools
import struct
import zipfile

import numpy as np

NESTED = 20_000
RAW = "@@raw@@"  # begins a text that stands for JSON which Python's json wouldn't write

VALUES = [None, True, False, 0, -1, 1, 0.5, -0.0, 1e-310, 1e300, 2**31, 2**53 + 1, 2**62, 2**63, 2**64, -(2**63), "", "x", "x" * 5000,
          "é\u0301\U0001f600", "\u0000", [], {}, [[]], [{}], {"": 0}, [0] * 1000, RAW + "1e999", RAW + "NaN", RAW + "-Infinity",
          RAW + "99999999999999999999999999", RAW + '"\\ud800"', RAW + "[" * NESTED + "]" * NESTED, RAW + '{"a":' * 300 + "1" + "}" * 300]


def flip_bits(rng, data):
    damaged = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def overwrite(rng, data):
    damaged = bytearray(data)
    start = rng.randrange(len(damaged))
    length = min(len(damaged) - start, rng.choice((1, 2, 4, 8, 64)))
    damaged[start : start + length] = rng.choice((b"\x00", b"\xff", b"\x7f", b"\x80", rng.randbytes(1))) * length
    return bytes(damaged)


def truncate(rng, data):
    return data[: rng.randrange(len(data))]


def cut_out(rng, data):
    start = rng.randrange(len(data))
    return data[:start] + data[start + rng.choice((1, 4, 100)) :]


def insert(rng, data):
    start = rng.randrange(len(data))
    return data[:start] + rng.randbytes(rng.choice((1, 4, 100))) + data[start:]


def repeat(rng, data):
    start = rng.randrange(len(data))
    return data[: start + rng.choice((1, 50, 1000))] + data[start:]


BYTES = (flip_bits, flip_bits, overwrite, truncate, cut_out, insert, repeat)


def bytes_of(rng, data):
    return rng.choice(BYTES)(rng, data) if data else rng.randbytes(10)


def _paths(value, path=()):
    """The places of all values of a document."""
    yield path
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _paths(each, (*path, key))
    elif isinstance(value, list):
        for i, each in enumerate(value):
            yield from _paths(each, (*path, i))


def _raw_dumps(document):
    parts = json.dumps(document, ensure_ascii=False).split('"' + RAW)
    text = parts[0]
    for part in parts[1:]:  # the raw text ends at the first quote that isn't escaped
        end = 0
        while part[end] != '"':
            end += 2 if part[end] == "\\" else 1
        text += json.loads('"' + part[:end] + '"') + part[end + 1 :]
    return text


def _change(rng, document):
    """The document with one value, or one key, changed."""
    paths = [path for path in _paths(document) if path]
    if not paths:
        return copy.deepcopy(rng.choice(VALUES))
    # Values deep within long lists are many and alike.
    depth = rng.choice(sorted({len(path) for path in paths}))
    *parents, last = rng.choice([path for path in paths if len(path) == depth])
    holder = document
    for key in parents:
        holder = holder[key]
    how = rng.choice(("value", "value", "value", "remove", "key", "swap", "same type"))
    if how == "remove":
        del holder[last]
    elif how == "key" and isinstance(holder, dict):
        holder[rng.choice((last + "x", last.upper(), "", "x" * 3000, "a\u0000b"))] = holder.pop(last)
    elif how == "swap" and isinstance(holder, dict) and len(holder) > 1:
        other = rng.choice([key for key in holder if key != last])
        holder[last], holder[other] = holder[other], holder[last]
    elif how == "same type" and isinstance(holder[last], (int, float)) and not isinstance(holder[last], bool):
        holder[last] = rng.choice((-holder[last], holder[last] * 1000, holder[last] + 1, holder[last] * 1e30, 0, 2**40, -1))
    elif how == "same type" and isinstance(holder[last], str):
        holder[last] = rng.choice((holder[last][:-1], holder[last] * 50, holder[last][::-1], " " + holder[last], "/" + holder[last]))
    else:
        holder[last] = copy.deepcopy(rng.choice(VALUES))
    return document


def json_fields(rng, data):
    document = json.loads(data)
    for _ in range(rng.choice((1, 1, 1, 2))):
        document = _change(rng, document)
    text = _raw_dumps(document)
    if rng.random() < 0.05:  # a key that stands twice
        text = text.replace("{", '{"' + rng.choice(("name", "results", "rules", "schema", "config")) + '": 7, ', 1)
    return text.encode("utf-8", "surrogatepass")


def json_or_bytes(rng, data):
    return (json_fields if rng.random() < 0.8 else bytes_of)(rng, data)


def text_lines(rng, data):
    """Lines that no honest file has."""
    lines = data.split(b"\n")
    strange = rng.choice((b"", b"\xff\xfe", b"\x00" * 10, b"x" * 100_000, "\ufeff\u202e\U0001f600".encode(), b"a,b,,,\"", b"\"", b"\r",
                          b"\xed\xa0\x80", b"0" * 400, b"\t \t"))
    where = rng.randrange(len(lines))
    lines[where] = rng.choice((strange, lines[where] + strange, strange + lines[where]))
    return b"\n".join(lines)


def text_or_bytes(rng, data):
    return (text_lines if rng.random() < 0.6 else bytes_of)(rng, data)


# Archives

HEADERS = {b"PK\x03\x04": 30, b"PK\x01\x02": 46, b"PK\x05\x06": 22, b"PK\x06\x06": 56, b"PK\x06\x07": 20}


def zip_headers(rng, data):
    """A field of a local header, of the directory or of its end."""
    places = []
    for mark, length in HEADERS.items():
        at = data.find(mark)
        while at >= 0:
            places.append((at, length))
            at = data.find(mark, at + 1)
    start, length = rng.choice(places)
    at = start + rng.randrange(4, length)
    size = rng.choice((1, 2, 4))
    damaged = bytearray(data)
    value = rng.choice((0, 1, 255, rng.randrange(2**32), 2**31, 2**32 - 1))
    damaged[at : at + size] = struct.pack("<I", value)[:size]
    return bytes(damaged[: len(data)])


def rewritten(data, change):
    """The archive with some records changed, and the CRCs right. @param change from a name and bytes to bytes, or to None"""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as target:
        for entry in source.infolist():
            content = change(entry.filename, source.read(entry))
            if content is not None:
                target.writestr(zipfile.ZipInfo(entry.filename), content)
    return out.getvalue()


def records(data):
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        return [entry.filename for entry in source.infolist()]


def tensor_values(rng, data):
    """Numbers in a tensor's storage that no sane model has."""
    chosen = rng.choice([name for name in records(data) if "/data/" in name])

    def change(name, content):
        if name != chosen or len(content) < 1:
            return content
        if len(content) >= 4 and rng.random() < 0.7:
            values = np.frombuffer(content[: len(content) // 4 * 4], np.float32).copy()
            bad = np.float32(rng.choice((np.nan, np.inf, -np.inf, 3e38, -3e38, 1e20, 0, -1, 1e-45)))
            values[slice(None) if rng.random() < 0.3 else rng.randrange(len(values))] = bad
            return values.tobytes() + content[len(values) * 4 :]
        codes = bytearray(content)
        bad = rng.choice((0x00, 0x7F, 0x80, 0xFF, 0x7C))
        if rng.random() < 0.3:
            return bytes([bad]) * len(codes)
        codes[rng.randrange(len(codes))] = bad
        return bytes(codes)

    return rewritten(data, change)


def record_bytes(rng, data):
    """Damage within a record whose CRC is right again: pickles, code, version."""
    chosen = rng.choice([name for name in records(data) if "/data/" not in name])
    return rewritten(data, lambda name, content: bytes_of(rng, content) if name == chosen else content)


def record_names(rng, data):
    """A record that is missing, or a name in the pickles and the code that is another."""
    if rng.random() < 0.5:
        chosen = rng.choice(records(data))
        return rewritten(data, lambda name, content: None if name == chosen else content)
    word = rng.choice((b"conv1", b"resblocks", b"weight", b"visual", b"ln_post", b"encode_text", b"encode_image", b"logit_scale",
                       b"weight_scale", b"input_quantizer", b"forward"))
    other = word[:-1] + b"Q"
    return rewritten(data, lambda name, content: content if "/data/" in name else content.replace(word, other))


def json_records(data):
    """The JSON that is read: extra files, and what torch.export says of weights."""
    return [name for name in records(data) if name.endswith(".json") and ("extra/" in name or "/weights/" in name)]


def json_record(rng, data):
    chosen = rng.choice(json_records(data))
    return rewritten(data, lambda name, content: json_or_bytes(rng, content) if name == chosen else content)


def pickle_record(rng, data):
    return rewritten(data, lambda name, content: bytes_of(rng, content) if name.endswith("/data.pkl") else content)


def archive(rng, data):
    kinds = [bytes_of, zip_headers, tensor_values, tensor_values, record_bytes, record_names]
    kinds += 2 * [json_record] * bool(json_records(data)) + 2 * [pickle_record] * any(name.endswith("/data.pkl") for name in records(data))
    return rng.choice(kinds)(rng, data)


def safetensors(rng, data):
    """The header's JSON, with its length right or not, or any bytes."""
    length = struct.unpack("<Q", data[:8])[0]
    header = data[8 : 8 + length]
    how = rng.choice(("json", "json", "json", "header", "length", "bytes"))
    if how == "bytes":
        return bytes_of(rng, data)
    if how == "length":
        wrong = rng.choice((0, 1, length - 1, length + 1, length * 2, len(data), 2**31, 2**62, 2**64 - 1, rng.randrange(2**64)))
        return struct.pack("<Q", wrong) + data[8:]
    header = json_fields(rng, header) if how == "json" else bytes_of(rng, header)
    return struct.pack("<Q", len(header)) + header + data[8 + length :]


def legacy_torch_save(rng, data):
    """Mostly the five pickles, or the number of elements behind them."""
    stream = io.BytesIO(data)
    for _ in range(5):
        for _ in pickletools.genops(stream):
            pass
    end = stream.tell()
    if rng.random() < 0.2:
        return bytes_of(rng, data)
    if rng.random() < 0.2:
        return data[:end] + struct.pack("<Q", rng.choice((0, 1, 2**31, 2**61, 2**62, 2**64 - 1))) + data[end + 8 :]
    return bytes_of(rng, data[:end]) + data[end:]
