function showSizes() {
  const sized = models.filter((entry) => entry.model.parts);
  if (!sized.length) {
    show(
      "sizes",
      absent(
        "These Results have no sizes by part; to get them, run:",
        `clipq bench ${modelPaths()} -o bench.json`,
      ),
    );
    return;
  }
  const parts = Object.keys(sized[0].model.parts);
  const figure = chart("sizes", "Bytes by part", 130 + 34 * sized.length, (colors, width) => ({
    aria: {enabled: true, decal: {show: true}},
    legend: legend(colors, {data: parts, type: "plain"}),
    grid: {left: width < 500 ? 96 : 150, right: 24, top: width < 700 ? 84 : 40, bottom: 44},
    tooltip: {
      ...common(colors).tooltip,
      trigger: "item",
      formatter: ({seriesName, dataIndex, value}) =>
        tip(
          sized[dataIndex].label,
          `${seriesName}: ${fixed(value, 2)} MiB`,
          `${percent((value * 1048576) / sized[dataIndex].model.size_bytes, 1)} of the file`,
        ),
    },
    xAxis: axis(colors, "MiB", {scale: false}),
    yAxis: {
      type: "category",
      inverse: true,
      data: sized.map((entry, i) => String(i)),
      axisTick: {show: false},
      axisLine: {lineStyle: {color: colors.line}},
      axisLabel: {
        color: colors.ink,
        fontSize: 12,
        interval: 0,
        formatter: (i) => shortened(sized[Number(i)].label, width < 500 ? 14 : 22),
      },
    },
    series: parts.map((part, i) => ({
      type: "bar",
      stack: "size",
      name: part,
      barWidth: 18,
      itemStyle: {
        color: colors.series[(i + 1) % colors.series.length],
        borderColor: colors.surface,
        borderWidth: 1,
      },
      data: sized.map((entry) => entry.model.parts[part] / 1048576),
    })),
  }));
  const rows = sized.map((entry) => [
    data(entry.label),
    ...parts.map((part) => ({text: mib(entry.model.parts[part]), number: true})),
    {text: mib(entry.model.size_bytes), number: true},
  ]);
  show(
    "sizes",
    figure,
    el(
      "details",
      {},
      el("summary", {}, "As a table"),
      table(
        "MiB of each part",
        ["Model", ...parts.map((part) => ({text: part, number: true})), {text: "file", number: true}],
        rows,
      ),
    ),
  );
}
