#!/usr/bin/env python3
"""Writes tests/golden/data/tokenizers: one folder per kind of tokenizer, as checkpoints have them, with `golden.json`: texts and
their rows of ids by the original library. Vocabularies are small, trained on this repository's own documentation.

Run with a Python that has transformers 4.57.1, tokenizers 0.22.2, sentencepiece 0.2.3 and ftfy 6.3.1."""
import gzip
import html
import io
import json
import pathlib
import shutil
import string
import tempfile

import ftfy
import sentencepiece
from transformers import CLIPTokenizerFast, GemmaTokenizerFast, SiglipTokenizer, T5TokenizerFast

from make_tokenizer_golden import GROUPS, ROOT, is_mojibake

TARGET = pathlib.Path(__file__).resolve().parent / "data" / "tokenizers"
CONTEXT = 24
MERGES = 500
PADDED = {"padding": "max_length", "max_length": CONTEXT, "truncation": True}
SPECIAL = ["a </s> b", "<unk>cat", "x<pad>y <eos>z<bos>", "<mask>ed <unused0>", "a\n\nb  c   d", "A<|endoftext|>b", "\u2581a\u2581b"]
# A few rules of nmt_nfkc, whose table has 240 KiB: white space, full width, a ligature, U+2581.
RULES = "\n".join(f"{source}\t{target}" for source, target in
                  [("9", "20"), ("A", "20"), ("2581", "20"), ("3000", "20"), ("FF21", "41"), ("FF41", "61"), ("FB01", "66 69")])


def texts():
    chosen = [text for group in GROUPS.values() for text in group[::2] if len(text) < 60]
    return [text for text in chosen + SPECIAL if not is_mojibake(text)]


def corpus():
    files = [ROOT / "README.md", ROOT / "HACKING.md", *sorted((ROOT / "docs").glob("*.md"))]
    return [line for file in files for line in file.read_text().splitlines() if line.strip()]


def train(**options):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(corpus()), model_writer=model, pad_id=0, eos_id=1,
                                             pad_piece="<pad>", minloglevel=2, **options)
    return model.getvalue()


def unigram():
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as rules:
        rules.write(RULES)
        rules.flush()
        return train(model_type="unigram", vocab_size=500, unk_id=2, bos_id=-1, normalization_rule_tsv=rules.name)


def byte_fallback_bpe():
    return train(model_type="bpe", vocab_size=700, bos_id=2, unk_id=3, eos_piece="<eos>", bos_piece="<bos>",
                 normalization_rule_name="identity", byte_fallback=True, split_digits=True, add_dummy_prefix=False,
                 remove_extra_whitespaces=False, user_defined_symbols=["<mask>", "<unused0>", "\n\n", "\u2581\u2581"])


def canonicalize(text):
    """open_clip's clean="canonicalize"."""
    text = html.unescape(html.unescape(ftfy.fix_text(text))).strip().replace("_", " ")
    return " ".join(text.translate(str.maketrans("", "", string.punctuation)).lower().split())


def write(name, rows, **files):
    folder = TARGET / name
    for file, content in files.items():
        (folder / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    lines = [json.dumps({"text": text, "row": row}, separators=(",", ":")) for text, row in zip(texts(), rows, strict=True)]
    (folder / "golden.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")


def saved(tokenizer, name, *keep):
    """Saves the tokenizer's files, of which only `keep` and tokenizer_config.json stay."""
    folder = TARGET / name
    tokenizer.save_pretrained(folder)
    for file in folder.iterdir():
        if file.name not in (*keep, "tokenizer_config.json"):
            file.unlink()
        elif file.suffix == ".json":
            file.write_text(json.dumps(json.loads(file.read_text()), separators=(",", ":")))


def clip():
    lines = gzip.decompress((ROOT / "assets" / "bpe_simple_vocab_16e6.txt.gz").read_bytes()).decode().split("\n")
    merges = [tuple(line.split()) for line in lines[1:MERGES + 1]]
    printing = [*range(33, 127), *range(161, 173), *range(174, 256)]
    symbols = [chr(byte) for byte in printing] + [chr(256 + i) for i in range(256 - len(printing))]
    tokens = [*symbols, *(symbol + "</w>" for symbol in symbols), *("".join(pair) for pair in merges), "<|startoftext|>", "<|endoftext|>"]
    with tempfile.TemporaryDirectory() as folder:
        vocabulary, listed = pathlib.Path(folder) / "vocab.json", pathlib.Path(folder) / "merges.txt"
        vocabulary.write_text(json.dumps({token: i for i, token in enumerate(tokens)}))
        listed.write_text("#version: 0.2\n" + "\n".join(" ".join(pair) for pair in merges) + "\n")
        tokenizer = CLIPTokenizerFast(str(vocabulary), str(listed))
    saved(tokenizer, "clip", "tokenizer.json")
    write("clip", tokenizer(texts(), **PADDED).input_ids)


def siglip(model):
    with tempfile.NamedTemporaryFile(suffix=".model") as file:
        file.write(model)
        file.flush()
        tokenizer = SiglipTokenizer(file.name)
        saved(tokenizer, "siglip", "spiece.model")
        fast = T5TokenizerFast(file.name, extra_ids=0, pad_token="</s>", add_prefix_space=True)
        saved(fast, "siglip_open_clip", "tokenizer.json")
    write("siglip", tokenizer(texts(), **PADDED).input_ids)
    config = {"text_cfg": {"hf_tokenizer_name": "timm/ViT-B-16-SigLIP", "tokenizer_kwargs": {"clean": "canonicalize"}}}
    write("siglip_open_clip", fast([canonicalize(text) for text in texts()], **PADDED).input_ids,
          **{"open_clip_config.json": json.dumps({"model_cfg": config})})


def gemma(model):
    config = {"tokenizer_class": "GemmaTokenizer", "add_bos_token": False, "add_eos_token": True, "padding_side": "right"}
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "tokenizer.model").write_bytes(model)
        (pathlib.Path(folder) / "tokenizer_config.json").write_text(json.dumps(config))
        tokenizer = GemmaTokenizerFast.from_pretrained(folder)
    saved(tokenizer, "gemma", "tokenizer.json")
    write("gemma", tokenizer(texts(), **PADDED).input_ids)
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    rows = [ids[:CONTEXT - 1] + [processor.eos_id()] for ids in processor.encode(texts())]
    (TARGET / "gemma_sentencepiece").mkdir(parents=True, exist_ok=True)
    write("gemma_sentencepiece", [row + [processor.pad_id()] * (CONTEXT - len(row)) for row in rows], **{"tokenizer.model": model})


def main():
    shutil.rmtree(TARGET, ignore_errors=True)
    clip()
    siglip(unigram())
    gemma(byte_fallback_bpe())


if __name__ == "__main__":
    main()
