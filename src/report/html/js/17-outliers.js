/** Such as "12.5×, at 5 in 100 %, 9 in 40 %". */
function outlierText({ratio: largest, places}) {
  const shown = places.map(({index, share}) => `${index} in ${percent(share, 0)}`);
  return fixed(largest, 1) + "×" + (shown.length ? `, at ${shown.join(", ")}` : "");
}

function outlierTable(title, tower) {
  const rows = [
    ...tower.blocks.map((row, i) => ({...row, name: `after block ${i + 1}`})),
    ...tower.inputs.map((row) => ({...row, name: `into ${row.name}`})),
  ];
  const beyond = rows.filter((row) => row.tokens.share > 0 || row.channels.share > 0);
  if (!beyond.length) return el("p", {class: "about"}, `${title}: no outliers.`);
  return table(
    `${title}: where there are outliers`,
    ["Values", "Largest token, and positions", "Largest channel, and channels"],
    beyond.map((row) => [
      {text: el("span", {class: "mono"}, data(row.name))},
      outlierText(row.tokens),
      outlierText(row.channels),
    ]),
    {tall: true},
  );
}

function showOutliers() {
  const outliers = detail(base, "outliers");
  if (!outliers) {
    show(
      "outliers",
      absent("This needs per-layer data; run:", evalCommand("layers", "--data coco:DIR --captions FILE")),
    );
    return;
  }
  show(
    "outliers",
    outliers.image ? outlierTable("Image tower", outliers.image) : null,
    outliers.text ? outlierTable("Text tower", outliers.text) : null,
  );
}
