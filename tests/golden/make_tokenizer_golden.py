#!/usr/bin/env python3
"""Writes tests/golden/data/tokenizer.json: texts and their ids by open_clip's own SimpleTokenizer (open-clip-torch
3.3.0, ftfy 6.3.1). Run with .venv/bin/python from anywhere; COCO captions are sampled if ../shared/data has them."""
import html.entities
import importlib.util
import json
import pathlib
import random
import sys
import sysconfig

import ftfy

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TARGET = pathlib.Path(__file__).resolve().parent / "data" / "tokenizer.json"
COCO = ROOT.parent / "shared" / "data" / "coco" / "annotations" / "captions_train2017.json"
CAPTIONS = 300


def reference():
    """open_clip.tokenizer by itself: the package's own __init__ imports torchvision and timm, which aren't here."""
    file = pathlib.Path(sysconfig.get_paths()["purelib"]) / "open_clip" / "tokenizer.py"
    spec = importlib.util.spec_from_file_location("open_clip_tokenizer", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.SimpleTokenizer()


def is_mojibake(text):
    """Whether ftfy repairs mojibake in it, which clipq doesn't."""
    return ftfy.fix_text(text) != ftfy.fix_text(text, fix_encoding=False)


GROUPS = {
    "plain": [
        "a diagram", "a dog", "a cat", "hello world!", "A Photo Of A Cat.", "x", "zebra crossing at night",
        "supercalifragilisticexpialidocious", "antidisestablishmentarianism", "the quick brown fox",
    ],
    "contractions": [
        "IT'S 2024", "it's", "don't", "DON'T", "we're", "WE'RE HERE", "they've", "I'm", "I'M", "you'll",
        "YOU'LL SEE", "he'd", "'s", "'S", "''s", "'sam", "rock'n'roll", "dogs' tails", "o'clock", "it\u2019s",
        "it\u02bcs", "IT\u2019S", "a'llb'rec'ved", "'\u017f", "x'\u017fy",
    ],
    "digits": [
        "123", "3.14159", "2024-06-30", "1,000,000", "a1b2c3", "007", "\u00bd cup", "x\u00b2 + y\u00b3",
        "\u2168 and \u2179", "\u2160\u2161\u2162", "\u2460\u2461", "\u0661\u0662\u0663", "\u096a\u096b",
        "\u4e09\u5341", "\U0001d7d8\U0001d7d9", "\u3007", "\u2155 \u215e",
    ],
    "accents": [
        "caf\u00e9", "cafe\u0301", "CAF\u00c9", "na\u00efve fa\u00e7ade", "\u00c5ngstr\u00f6m",
        "A\u030angstro\u0308m", "\u212bngstr\u00f6m", "Vi\u1ec7t Nam", "Vie\u0323\u0302t", "e\u0301\u0302\u0303",
        "\u0301 alone", "stra\u00dfe", "STRASSE \u1e9e", "\u0130stanbul", "I\u0307stanbul", "\u0131\u015f\u0131k",
        "\u01c5ep \u01c4UNGLA", "n\u0303o", "\u1fb3\u0345", "\u03b1\u0345", "!\u0345!", "\u0345", "\u0344",
        "\u1e69 s\u0323\u0307 s\u0307\u0323",
    ],
    "quotes": [
        "\u201cquoted\u201d", "\u2018single\u2019", "\u201elow\u201c", "\u00abguillemets\u00bb", "\u201flow\u201b",
        "\u2032prime\u2033", "\"straight\"", "`back`ticks`",
    ],
    "ligatures": [
        "\ufb02u\ufb03est", "\ufb01 \ufb00 \ufb04 \ufb05 \ufb06", "\u0132sselmeer \u0133s", "\u0149 boek",
        "\u01f1 \u01f2 \u01f3", "\u01c7 \u01c8 \u01c9 \u01ca \u01cb \u01cc", "\u00e6on \u0153uvre \u0152UVRE",
    ],
    "width": [
        "\uff2c\uff2f\uff35\uff24\u3000\uff2e\uff2f\uff29\uff33\uff25\uff33", "\uff35\uff80\uff70\uff9d",
        "\uff11\uff12\uff13\uff01", "\uff76\uff9e\uff77\uff9e", "\uffe5100 \uffe6 \uffe3", "\uff06amp\uff1b",
        "\uffa1\uffc2", "\uff1cb\uff1e",
    ],
    "html": [
        "&amp;", "&amp;amp;", "&amp;amp;amp;", "caf&eacute;", "caf&amp;eacute;", "caf&amp;amp;eacute;",
        "&lt;b&gt;bold&lt;/b&gt;", "<b>AT&amp;T</b>", "AT&T", "AT&ampT", "this&not that", "&notit;", "&notin;",
        "&NOTIN;", "P&EACUTE;REZ", "BUNDESSTRA&SZLIG;E", "&nTILDE;", "&#39;", "&#x27;", "&#x2019;s", "it&#8217;s",
        "&#233", "&#xe9g", "&#150;", "&#x80;", "&#129;", "&#0;", "&#xD800;", "&#1114112;", "&#99999999999;",
        "&#11;x", "&#x1F600;", "&hellip;", "&nbsp;x&nbsp;", "&", "&;", "&#;", "&#x;", "&# 5;",
        "&Jscr;ohn &HilbertSpace;ancock", "&NotEqualTilde;", "&nvlt;", "&fjlig;ord",
        "&CounterClockwiseContourIntegral;", "&thisnameisfartoolongtobeanentityatall;", "&quot;hi&quot",
        "&lt;&amp;gt;", "&#59;", "&#38;lt;", "1 &lt 2 &gt 0", "&zwj;", "&#65279;x", "a < b\n&amp;eacute;",
        "&amp;eacute;\na < b", "&frac12; &FRAC12;", "&copy&reg", "&ampquot;", "&ANGST; &angst;",
    ],
    "emoji": [
        "\U0001f600", "\U0001f44d\U0001f3fd", "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466",
        "\u2764\ufe0f", "I \u2764\ufe0f NY", "\U0001f1e9\U0001f1ea flag",
        "\U0001f3f4\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f", "1\ufe0f\u20e3", "a\U0001f436b",
    ],
    "scripts": [
        "\u4e00\u53ea\u732b\u5750\u5728\u57ab\u5b50\u4e0a", "\u732b\u304c\u597d\u304d", "\uace0\uc591\uc774",
        "\u1100\u1161\u11a8", "\u0e41\u0e21\u0e27\u0e19\u0e31\u0e48\u0e07\u0e2d\u0e22\u0e39\u0e48",
        "\u0642\u0637\u0629 \u062c\u0645\u064a\u0644\u0629", "\u0642\u0650\u0637\u064e\u0651\u0629",
        "\u092c\u093f\u0932\u094d\u0932\u0940", "\u05d7\u05b8\u05ea\u05d5\u05bc\u05dc", "\u039f\u0394\u039f\u03a3",
        "\u039f\u0394\u039f\u03a3 \u039a\u0391\u0399", "\u03a3", "\u0391\u03a3'\u0391", "\u0391\u03a3.",
        "\u0391\u0301\u03a3\u0301", "\u041a\u043e\u0442 \u0438 \u041f\u0401\u0421", "\u0418\u0306", "\u13a0\uab70",
        "\U00010400\U00010428", "\u10d9\u10d0\u10e2\u10d0 \u1c99", "\u212a \u2126 \u212b", "\u1d2c\u1d47",
        "\u24b6\u24d0", "\U0001d400\U0001d41a",
    ],
    "controls": [
        "a\x00b", "\x01\x02x\x7f", "\x1b[31mred\x1b[0m", "\x1b[1;31;44mx\x1b[0m", "\x1b[x", "\x1b[", "\x1b",
        "\x1b[3\u0661m?", "\ufeffbom", "in\ufeffside", "a\u206ab", "\ufff9a\ufffab\ufffb", "\ufffc", "a\u200bb",
        "a\u200db", "\u202eabc\u202c", "a\x80b", "\x85", "a\x91b\x92", "\x81\x8d", "a\x1cb", "\ufffd", "\u00ad soft",
    ],
    "blanks": [
        "", " ", "\n", "\t\r\n", "  a  b  ", "a\u00a0b", "a\u2028b\u2029c", "a\tb\nc", "a\r\nb\rc", "a\u3000b",
        "a\u2003b\u205fc", "a\u1680b", "a\u180eb", "a\x0bb\x0cc", "a\u202fb", "\u00a0", "\n\n<\n&amp;\n",
    ],
    "special": [
        "<start_of_text>", "<end_of_text>", "a <start_of_text> b", "<END_OF_TEXT>", "!<end_of_text>",
        "<end_of_text>!", "<|startoftext|>", "<|endoftext|>", "<start_of_text", "&lt;end_of_text&gt;",
        "<\u017ftart_of_text>", "</w>", "a</w>", "<start_of_text><end_of_text>",
    ],
    "punctuation": [
        "___", "snake_case_name", "a_b", "...", "!!!???", "$9.99", "50%", "C++ & C#", "e-mail: a@b.co.uk",
        "http://example.com/?q=1&r=2", "(a) [b] {c}", "\u2014 em \u2013 en", "\u2026", "\u20ac5 \u00a33 \u00a57",
        "a\u00b7b", "\u2192\u2190", "--'s", "!'s", "#hashtag #2", "\\back\\slash", "~`^|", "\u00a9\u00ae\u2122",
    ],
    "long": [
        " ".join(f"word{i}" for i in range(100)), "a photo of a " + "very " * 100 + "big dog", "x" * 300,
        "\u732b" * 120, "a " * 74 + "b", "a " * 75 + "b", "a " * 76,
    ],
}


def texts():
    for group in GROUPS.values():
        yield from group
    for name in random.Random(0).sample(sorted(html.entities.html5), 60):
        yield f"x&{name}y"
    if COCO.exists():
        captions = sorted({a["caption"] for a in json.loads(COCO.read_text())["annotations"]})
        yield from random.Random(0).sample(captions, CAPTIONS)


def main():
    tokenizer = reference()
    rows, left_out = [], []
    for text in texts():
        (left_out if is_mojibake(text) else rows).append(text)
    lines = [json.dumps({"text": text, "ids": tokenizer.encode(text)}, separators=(",", ":")) for text in rows]
    TARGET.write_text("[\n" + ",\n".join(lines) + "\n]\n")
    print(f"{len(rows)} texts, {TARGET.stat().st_size} bytes; left out, as ftfy repairs mojibake: {left_out}",
          file=sys.stderr)


if __name__ == "__main__":
    main()
