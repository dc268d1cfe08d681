// All data reaches the page through these functions, as text.

/** A new element; strings among the children become text nodes, null and undefined nothing. */
function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "on")
      for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined) node.append(child);
  }
  return node;
}

/** Text of unknown direction, so that it doesn't reorder its surroundings. */
const data = (text) => el("bdi", {}, String(text));

/** A name that may be broken after its underscores. */
const breakable = (name) =>
  el(
    "bdi",
    {},
    name.split(/(?<=_)/).flatMap((part) => [part, el("wbr", {})]),
  );

/** The models' labels with commas between them. */
const list = (entries) => entries.flatMap(({label}, i) => (i ? [", ", data(label)] : [data(label)]));

/** The non-empty texts, separated by dots. */
const separated = (texts) =>
  texts.filter((text) => text).flatMap((text, i) => (i ? [" · ", data(text)] : [data(text)]));

/** On one line. */
const oneLine = (text) => String(text).replace(/\s+/g, " ").trim();

/** Shortened in the middle: names often differ at their ends. */
const shortened = (text, length) => {
  const letters = Array.from(oneLine(text));
  if (letters.length <= length) return letters.join("");
  const head = Math.ceil((length - 1) / 2);
  return [...letters.slice(0, head), "…", ...letters.slice(letters.length - (length - 1 - head))].join("");
};

/** A drop-down that calls `changed` with the index of what is chosen. */
function choice(title, options, changed, first = 0) {
  const select = el(
    "select",
    {on: {change: () => changed(select.selectedIndex)}},
    options.map((option) => el("option", {}, shortened(option, 60))),
  );
  select.selectedIndex = first;
  return el("label", {}, title, select);
}

const controls = (...items) => el("div", {class: "controls"}, items);

/**
 * A table that scrolls if it must. The caption is a list of texts and nodes; a cell is a text, a node, or
 * {text, sub, extra, number}, the first one of a row is its header.
 */
function table(caption, headers, rows, {pinned = true, tall = false} = {}) {
  const cell = (tag, content, scope) => {
    const hasParts = content !== null && typeof content === "object" && !(content instanceof Node);
    const value = hasParts ? content : {text: content};
    return el(
      tag,
      {class: value.number ? "n" : null, scope},
      value.text,
      value.sub ? el("span", {class: "sub"}, value.sub) : null,
      value.extra,
    );
  };
  const title = el("caption", {}, caption);
  return el(
    "div",
    {
      class: `scroll ${pinned ? "pinned" : ""} ${tall ? "tall" : ""}`,
      tabindex: "0",
      role: "region",
      "aria-label": title.textContent,
    },
    el(
      "table",
      {},
      title,
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          headers.map((header) => cell("th", header, "col")),
        ),
      ),
      el(
        "tbody",
        {},
        rows.map((row) =>
          el(
            "tr",
            {},
            row.map((content, i) => (i === 0 ? cell("th", content, "row") : cell("td", content))),
          ),
        ),
      ),
    ),
  );
}

/** Names the command that produces what is missing. */
const absent = (what, command) => el("p", {class: "absent"}, what + " ", el("code", {}, command), ".");

const contentOf = (section) => document.querySelector(`#${section} > .content`);

function show(section, ...nodes) {
  contentOf(section).replaceChildren(...nodes.flat().filter((node) => node));
}
