const depthMeasures = [
  {key: "sqnr_db", title: "signal to noise, dB", digits: 1},
  {key: "cosine", title: "cosine to the first model", digits: 5},
];

/** What the layers task gives where nothing differs, in dB. */
const kExact = 200;

const isExact = (entry, tower) => detail(entry, "depth")[tower].sqnr_db.every((value) => value >= kExact);

function depthOption(colors, tower, measure, entries) {
  const blocks = Math.max(...entries.map((entry) => detail(entry, "depth")[tower][measure.key].length));
  return {
    legend: legend(colors),
    grid: {left: 62, right: 16, top: 40, bottom: 46},
    tooltip: {
      ...common(colors).tooltip,
      trigger: "axis",
      formatter: (items) =>
        tip(
          `after block ${items[0].data[0]}`,
          ...items.map(
            (item) => `${entries[item.seriesIndex].label}: ${fixed(item.data[1], measure.digits)}`,
          ),
        ),
    },
    xAxis: axis(colors, "block", {min: 1, max: Math.max(2, blocks), minInterval: 1, scale: false}),
    yAxis: axis(colors, measure.title, {nameGap: 46}),
    series: entries.map((entry) => ({
      type: "line",
      name: shortened(entry.label, 26),
      symbol: symbolOf(entry),
      symbolSize: 7,
      lineStyle: {color: colorOf(entry), type: dashOf(entry), width: 2},
      itemStyle: {color: colorOf(entry)},
      data: detail(entry, "depth")[tower][measure.key].map((value, i) => [i + 1, value]),
    })),
  };
}

function showDepth() {
  const entries = othersHaving("depth");
  if (!entries.length) {
    show(
      "depth",
      absent("This needs per-block data; run:", evalCommand("layers", "--data coco:DIR --captions FILE")),
    );
    return;
  }
  let measure = depthMeasures[0];
  const towers = ["image", "text"]
    .filter((tower) => entries.every((entry) => detail(entry, "depth")[tower]))
    .map((tower) => ({
      tower,
      title: tower === "image" ? "Image tower" : "Text tower",
      moved: entries.filter((entry) => !isExact(entry, tower)),
      exact: entries.filter((entry) => isExact(entry, tower)),
    }));
  const figures = towers
    .filter(({moved}) => moved.length)
    .map(({tower, title, moved}) =>
      chart(`depth-${tower}`, title, 300, (colors) => depthOption(colors, tower, measure, moved)),
    );
  const notes = towers
    .filter(({exact}) => exact.length)
    .map(({title, exact}) =>
      el("p", {class: "about"}, `${title}, the same as the first model's: `, data(exact.map(({label}) => label).join(", "))),
    );
  show(
    "depth",
    controls(
      choice(
        "Measure",
        depthMeasures.map(({title}) => title),
        (i) => {
          measure = depthMeasures[i];
          figures.forEach((figure) => figure.redraw());
        },
      ),
    ),
    el("div", {class: "pair"}, figures),
    notes,
  );
}
