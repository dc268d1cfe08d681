#!/usr/bin/env python3
"""Writes src/text/html_entities.inc, the HTML 5 named character references, from Python's own table
(html.entities.html5, which is https://html.spec.whatwg.org/entities.json). Run from anywhere."""
import html.entities
import pathlib

TARGET = pathlib.Path(__file__).resolve().parent.parent / "src" / "text" / "html_entities.inc"


def main():
    lines = ["// Made by scripts/make_html_entities.py: {name after '&', first character, second or 0}, sorted."]
    for name, text in sorted(html.entities.html5.items()):
        first, second = [ord(c) for c in text] + [0] * (2 - len(text))
        lines.append(f'{{"{name}", {first:#x}, {second:#x}}},')
    TARGET.write_text("\n".join(lines) + "\n")


main()
