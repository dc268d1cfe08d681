/** One bar per model below the histogram, on the same scale. */
const rangeSeries = (ranges, colors) => ({
  type: "custom",
  xAxisIndex: 1,
  yAxisIndex: 1,
  encode: {x: [1, 2], y: 0},
  data: ranges.map(({entry, range}, i) => [i, range[0], range[1], models.indexOf(entry)]),
  renderItem: (params, api) => {
    const [left, y] = api.coord([api.value(1), api.value(0)]);
    const right = api.coord([api.value(2), api.value(0)])[0];
    const {x, width} = params.coordSys;
    const from = Math.max(x, left);
    const color = colors.series[api.value(3) % colors.series.length];
    return {
      type: "rect",
      shape: {x: from, y: y - 5, width: Math.max(1, Math.min(x + width, right) - from), height: 10, r: 2},
      style: {fill: color},
    };
  },
});

function geluOption(colors, histogram, ranges, width) {
  const ends = ranges.flatMap(({range}) => range);
  const low = Math.min(histogram.low, ...ends);
  const high = Math.max(histogram.high, ...ends);
  const below = 30 * Math.max(1, ranges.length);
  const left = width < 500 ? 92 : 130;
  const values = staircase(histogram).map(([x, share]) => [x, share > 0 ? share : null]);
  const least = Math.min(...values.map(([, share]) => share).filter((share) => share !== null));
  const floor = 10 ** Math.floor(Math.log10(least));
  const span = {
    min: low,
    max: high,
    scale: true,
    axisLabel: {
      color: colors.muted,
      fontSize: 11,
      hideOverlap: true,
      showMinLabel: false,
      showMaxLabel: false,
      formatter: short,
    },
  };
  return {
    grid: [
      {left, right: 16, top: 12, height: 210},
      {left, right: 16, top: 240, height: below},
    ],
    tooltip: {
      ...common(colors).tooltip,
      trigger: "item",
      formatter: ({seriesIndex, data: item}) =>
        seriesIndex === 1
          ? tip(models[item[3]].label, `keeps ${short(item[1])} to ${short(item[2])}`)
          : tip(`from ${short(item[0])}`, `${short(item[1])} %`),
    },
    xAxis: [
      axis(colors, "", {gridIndex: 0, ...span, axisLabel: {show: false}}),
      axis(colors, "value", {gridIndex: 1, ...span}),
    ],
    yAxis: [
      {
        ...axis(colors, "share of values, %", {gridIndex: 0, nameGap: 52}),
        type: "log",
        min: floor,
        startValue: floor,
        axisLabel: {color: colors.muted, fontSize: 11, formatter: short},
      },
      {
        type: "category",
        gridIndex: 1,
        inverse: true,
        data: ranges.map((unused, i) => String(i)),
        axisTick: {show: false},
        axisLine: {show: false},
        axisLabel: {
          color: colors.ink,
          fontSize: 11.5,
          interval: 0,
          formatter: (i) =>
            ranges[Number(i)] ? shortened(ranges[Number(i)].entry.label, width < 500 ? 13 : 18) : "",
        },
      },
    ],
    series: [
      {
        type: "bar",
        barWidth: "100%",
        xAxisIndex: 0,
        yAxisIndex: 0,
        itemStyle: {color: colors.series[0], opacity: 0.8},
        barCategoryGap: "0%",
        data: values
          .slice(0, -1)
          .map(([x, share]) => [x + (histogram.high - histogram.low) / histogram.counts.length / 2, share]),
      },
      rangeSeries(ranges, colors),
    ],
  };
}

function showGelu() {
  const gelu = detail(base, "gelu");
  if (!gelu) {
    show(
      "gelu",
      absent("This needs per-layer data; run:", evalCommand("layers", "--data coco:DIR --captions FILE")),
    );
    return;
  }
  const blocks = ["image", "text"].flatMap((tower) =>
    gelu[tower].map((histogram, index) => ({tower, index, histogram})),
  );
  const entries = othersHaving("gelu_ranges");
  const rangesOf = ({tower, index}) =>
    entries
      .map((entry) => ({entry, range: detail(entry, "gelu_ranges")[tower][index]}))
      .filter(({range}) => range);
  const most = Math.max(1, ...blocks.map((block) => rangesOf(block).length));
  let block = blocks[0];
  const note = el("p", {class: "about"});
  const figure = chart("gelu", "", 290 + 30 * most, (colors, width) =>
    geluOption(colors, block.histogram, rangesOf(block), width),
  );
  const update = () => {
    const without = entries.filter((entry) => !rangesOf(block).some((each) => each.entry === entry));
    note.replaceChildren(
      ...(without.length ? ["No static range here, so nothing is clipped: ", ...list(without)] : []),
    );
    figure.retitle(blockTitle(block.tower, block.index));
    figure.redraw();
  };
  show(
    "gelu",
    controls(
      choice(
        "Block",
        blocks.map(({tower, index}) => blockTitle(tower, index)),
        (i) => {
          block = blocks[i];
          update();
        },
      ),
    ),
    figure,
    note,
  );
  update();
}
