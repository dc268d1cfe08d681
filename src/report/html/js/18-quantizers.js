const outlierColumn = (title, side) => ({
  title,
  value: (row) => (row[side] ? row[side].ratio : -Infinity),
  number: true,
  cell: (row) => (row[side] ? fixed(row[side].ratio, 1) + "×" : "–"),
  sub: (row) => (row[side] && row[side].share > 0 ? `${percent(row[side].share, 1)} outliers` : null),
});

const quantizerColumns = [
  {title: "Quantizer", value: (row) => row.name, cell: (row) => el("span", {class: "mono"}, data(row.name))},
  {title: "Description", value: (row) => row.what, cell: (row) => data(row.what)},
  {
    title: "Range",
    value: (row) => (row.range ? row.range[1] : -Infinity),
    number: true,
    cell: (row) => (row.range ? `${short(row.range[0])} … ${short(row.range[1])}` : "at run time"),
    sub: (row) => (row.scales > 1 ? `${row.scales} scales` : null),
  },
  {
    title: "Clipped",
    value: (row) => (known(row.clipped) ? row.clipped : -Infinity),
    number: true,
    cell: (row) => percent(row.clipped, 3),
  },
  {
    title: "SQNR dB",
    value: (row) => (known(row.sqnr_db) ? row.sqnr_db : Infinity),
    number: true,
    cell: (row) => fixed(row.sqnr_db, 1),
  },
  {
    title: "Output cosine",
    value: (row) => (known(row.output_cosine) ? row.output_cosine : Infinity),
    number: true,
    cell: (row) => fixed(row.output_cosine, 6),
  },
  outlierColumn("Largest token", "tokens"),
  outlierColumn("Largest channel", "channels"),
];

function sortedRows(rows, column, descending) {
  const compare = (left, right) => {
    const a = column.value(left);
    const b = column.value(right);
    return a < b ? -1 : a > b ? 1 : 0;
  };
  const sorted = [...rows].sort(compare);
  return descending ? sorted.reverse() : sorted;
}

function showQuantizers() {
  const entries = having("quantizers");
  if (!entries.length) {
    show(
      "quantizers",
      absent("This needs per-layer data; run:", evalCommand("layers", "--data coco:DIR --captions FILE")),
    );
    return;
  }
  let entry = entries[0];
  let column = null;
  let descending = false;
  const search = el("input", {
    type: "search",
    placeholder: "c_proj, fp8, input …",
    "aria-label": "Search quantizers",
    on: {input: () => update()},
  });
  const count = el("span", {class: "sub", role: "status"});
  const place = el("div", {});
  const sortBy = (chosen) => {
    descending = column === chosen ? !descending : false;
    column = chosen;
    update();
  };
  const update = () => {
    const words = search.value
      .toLowerCase()
      .split(/\s+/)
      .filter((word) => word);
    const all = detail(entry, "quantizers");
    const rows = all.filter((row) =>
      words.every((word) => `${row.name} ${row.what}`.toLowerCase().includes(word)),
    );
    const ordered = column ? sortedRows(rows, column, descending) : rows;
    count.textContent = `${rows.length} of ${all.length} quantizers`;
    place.replaceChildren(
      table(
        ["Quantizers of ", data(entry.label), "; click a heading to sort"],
        quantizerColumns.map((each) => ({
          number: each.number,
          text: el(
            "button",
            {type: "button", on: {click: () => sortBy(each)}},
            each.title + (column === each ? (descending ? " ▼" : " ▲") : ""),
          ),
        })),
        ordered.map((row) =>
          quantizerColumns.map((each) => ({
            text: each.cell(row),
            sub: each.sub ? each.sub(row) : null,
            number: each.number,
          })),
        ),
        {tall: true, pinned: false},
      ),
    );
  };
  show(
    "quantizers",
    controls(
      choice(
        "Model",
        entries.map(({label}) => label),
        (i) => {
          entry = entries[i];
          update();
        },
      ),
      el("label", {}, "Search", search),
      count,
    ),
    place,
  );
  update();
}
