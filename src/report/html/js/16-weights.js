/** A staircase, filled or as a line. */
const histogramSeries = (name, histogram, color, filled) => ({
  type: "line",
  step: "end",
  symbol: "none",
  name,
  data: staircase(histogram),
  z: filled ? 1 : 2,
  lineStyle: {color, width: filled ? 1 : 1.6},
  itemStyle: {color},
  ...(filled ? {areaStyle: {color, opacity: 0.28}} : {}),
});

/** The layer whose weight lost most; the first if unknown. */
function worstLayer(entry, names) {
  const rows = (detail(entry, "quantizers") || []).filter(
    (row) => row.name.endsWith(".weight_quantizer") && known(row.sqnr_db),
  );
  rows.sort((left, right) => left.sqnr_db - right.sqnr_db);
  return Math.max(0, rows.length ? names.indexOf(rows[0].name.replace(/\.weight_quantizer$/, "")) : 0);
}

function showWeights() {
  const others = othersHaving("weights");
  const before = detail(base, "weights");
  if (!others.length || !before) {
    show(
      "weights",
      absent("This needs per-layer data; run:", evalCommand("layers", "--data coco:DIR --captions FILE")),
    );
    return;
  }
  const names = before.map(({name}) => name);
  let entry = others[0];
  let layer = worstLayer(entry, names);
  const note = el("p", {class: "about"});
  const figure = chart("weights", "", 300, (colors) => {
    const after = detail(entry, "weights").find(({name}) => name === names[layer]);
    return {
      legend: legend(colors),
      grid: {left: 58, right: 16, top: 40, bottom: 46},
      tooltip: {
        ...common(colors).tooltip,
        trigger: "axis",
        formatter: (items) =>
          tip(
            `from ${short(items[0].data[0])}`,
            ...items.map((item) => `${item.seriesName}: ${fixed(item.data[1], 2)} %`),
          ),
      },
      xAxis: axis(colors, "value"),
      yAxis: axis(colors, "share of values, %", {scale: false, nameGap: 38}),
      series: [
        histogramSeries(shortened(base.label, 26), before[layer], colors.series[0], true),
        ...(after ? [histogramSeries(shortened(entry.label, 26), after, colorOf(entry), false)] : []),
      ],
    };
  });
  const update = () => {
    const row = (detail(entry, "quantizers") || []).find(
      ({name}) => name === `${names[layer]}.weight_quantizer`,
    );
    note.replaceChildren(
      ...(row
        ? [data(row.what), known(row.sqnr_db) ? `, signal to noise ${fixed(row.sqnr_db, 1)} dB` : ""]
        : ["This weight isn't quantized."]),
    );
    figure.retitle(names[layer]);
    figure.redraw();
  };
  const layers = choice(
    "Weight",
    names,
    (i) => {
      layer = i;
      update();
    },
    layer,
  );
  show(
    "weights",
    controls(
      choice(
        "Model",
        others.map(({label}) => label),
        (i) => {
          entry = others[i];
          layer = worstLayer(entry, names);
          layers.querySelector("select").selectedIndex = layer;
          update();
        },
      ),
      layers,
    ),
    figure,
    note,
  );
  update();
}
