const depthMeasures = [
  {key: "sqnr_db", title: "signal to noise, dB", digits: 1},
  {key: "cosine", title: "cosine to the first model", digits: 5},
];

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
      absent("This needs a look into the blocks:", evalCommand("layers", "--data coco:DIR --captions FILE")),
    );
    return;
  }
  let measure = depthMeasures[0];
  const figures = ["visual", "text"]
    .filter((tower) => entries.every((entry) => detail(entry, "depth")[tower]))
    .map((tower) =>
      chart(`depth-${tower}`, tower === "visual" ? "Image tower" : "Text tower", 300, (colors) =>
        depthOption(colors, tower, measure, entries),
      ),
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
  );
}
