/** The models' places in a chart, where both are known: y and the ends of its interval in per cent. */
function tradeoffPoints(metricIndex, cost) {
  const baseValue = base.values[metricIndex] ? base.values[metricIndex].value : null;
  return models
    .map((entry, index) => {
      const value = entry.values[metricIndex];
      if (!value || !known(value.value) || !known(cost(entry))) return null;
      const interval =
        value.interval && known(baseValue) ? value.interval.map((end) => 100 * (baseValue + end)) : null;
      return {entry, index, x: cost(entry), y: 100 * value.value, interval};
    })
    .filter((point) => point);
}

/** The median time; undefined if it was measured on another machine than the first model's. */
function comparableTime(entry, index) {
  const [first, own] = [base.latencies[index], entry.latencies[index]];
  const comparable = entry === base || (first && own && own.machine && own.machine === first.machine);
  return comparable && own ? own.median_ms : undefined;
}

/** Vertical bars with short ends. */
const intervalSeries = (points, colors) => ({
  type: "custom",
  silent: true,
  z: 1,
  data: points.filter((point) => point.interval).map((point) => [point.x, ...point.interval, point.index]),
  renderItem: (params, api) => {
    const [x, low] = api.coord([api.value(0), api.value(1)]);
    const high = api.coord([api.value(0), api.value(2)])[1];
    const style = {stroke: colors.series[api.value(3) % colors.series.length], lineWidth: 1.2, opacity: 0.75};
    const line = (x1, y1, x2, y2) => ({type: "line", shape: {x1, y1, x2, y2}, style});
    return {
      type: "group",
      children: [line(x, low, x, high), line(x - 4, low, x + 4, low), line(x - 4, high, x + 4, high)],
    };
  },
});

/** Moves labels down until none covers another. */
function apart() {
  let placed = [];
  return ({dataIndex, labelRect: {x, y, width, height}}) => {
    if (dataIndex === 0) placed = [];
    const label = {x, y: y - 10, width, height};
    const covers = (other) =>
      label.x < other.x + other.width &&
      other.x < label.x + width &&
      label.y < other.y + other.height &&
      other.y < label.y + height;
    while (placed.some(covers)) label.y += height + 4;
    placed.push(label);
    return {dy: label.y - y};
  };
}

function tradeoffOption(colors, metric, points, front, xName, unit) {
  const byIndex = new Map(points.map((point) => [point.index, point]));
  const onFront = front.filter((index) => byIndex.has(index)).map((index) => byIndex.get(index));
  const ends = points.flatMap((point) => [point.y, ...(point.interval || [])]);
  const margin = Math.max(0.1, 0.12 * (Math.max(...ends) - Math.min(...ends)));
  return {
    grid: {left: 58, right: 24, top: 16, bottom: 46},
    tooltip: {
      ...common(colors).tooltip,
      trigger: "item",
      formatter: ({data: item}) =>
        item && item.entry
          ? tip(
              item.entry.label,
              `${fixed(item.value[0], 2)} ${unit}`,
              `${metric.name} ${fixed(item.value[1], 2)} %`,
              item.interval
                ? `95 % interval ${fixed(item.interval[0], 2)} to ${fixed(item.interval[1], 2)} %`
                : "",
              front.includes(item.index) ? "on the Pareto front" : "",
            )
          : "",
    },
    xAxis: axis(colors, xName, {min: 0, scale: false}),
    yAxis: axis(colors, `${metric.name} %`, {
      nameGap: 42,
      min: Math.min(...ends) - margin,
      max: Math.max(...ends) + margin,
      axisLabel: {
        color: colors.muted,
        fontSize: 11,
        showMinLabel: false,
        showMaxLabel: false,
        formatter: (value) => fixed(value, margin < 0.5 ? 2 : 1),
      },
    }),
    series: [
      {
        type: "line",
        step: "end",
        silent: true,
        symbol: "none",
        z: 0,
        data: onFront.map((point) => [point.x, point.y]),
        lineStyle: {type: "dashed", color: colors.muted, width: 1.2},
      },
      intervalSeries(points, colors),
      {
        type: "scatter",
        z: 3,
        symbolSize: 13,
        labelLayout: apart(),
        data: points.map((point) => {
          const color = colors.series[point.index % colors.series.length];
          const filled = front.includes(point.index);
          const right = point.x > 0.6 * Math.max(...points.map((each) => each.x));
          return {
            ...point,
            value: [point.x, point.y],
            symbol: symbolOf(point.entry),
            itemStyle: {color: filled ? color : colors.surface, borderColor: color, borderWidth: 2},
            label: {
              show: true,
              position: right ? "left" : "right",
              distance: 6,
              color: colors.ink,
              fontSize: 11.5,
              textBorderColor: colors.page,
              textBorderWidth: 3,
              formatter: () => shortened(point.entry.label, 26),
            },
          };
        }),
      },
    ],
  };
}

function showTradeoff() {
  const metrics = report.metrics
    .map((metric, index) => ({metric, index}))
    .filter(({metric}) => metric.headline);
  if (!metrics.length || models.length < 2) {
    show(
      "tradeoff",
      absent(
        "This needs the accuracy of several models; to measure it, run:",
        evalCommand("zeroshot_classification", "--data cifar100:DIR"),
      ),
    );
    return;
  }
  let metric = metrics[0];
  let latency = 0;
  const frontOf = (against) =>
    (
      report.fronts.find((front) => front.metric === metric.index && front.latency === against) || {
        models: [],
      }
    ).models;
  const bench = `clipq bench ${modelPaths()} -o bench.json`;
  const size = models.some(({model}) => model.size_bytes)
    ? chart("accuracy-size", "Accuracy against size", 340, (colors) =>
        tradeoffOption(
          colors,
          metric.metric,
          tradeoffPoints(metric.index, (entry) => entry.model.size_bytes / 1048576),
          frontOf(null),
          "size, MiB",
          "MiB",
        ),
      )
    : null;
  const time = report.latencies.length
    ? chart("accuracy-latency", "Accuracy against time", 340, (colors) =>
        tradeoffOption(
          colors,
          metric.metric,
          tradeoffPoints(metric.index, (entry) => comparableTime(entry, latency)),
          frontOf(latency),
          `median time of ${latencyTitle(report.latencies[latency])}, ms`,
          "ms",
        ),
      )
    : null;
  show(
    "tradeoff",
    controls(
      metrics.length > 1
        ? choice(
            "Accuracy",
            metrics.map(({metric: each}) => metricTitle(each)),
            (i) => {
              metric = metrics[i];
              if (size) size.redraw();
              if (time) time.redraw();
            },
          )
        : null,
      report.latencies.length > 1
        ? choice("Time", report.latencies.map(latencyTitle), (i) => {
            latency = i;
            time.redraw();
          })
        : null,
    ),
    el(
      "div",
      {class: "pair"},
      size || absent("The file sizes aren't known; to measure them, run:", bench),
      time || absent("No times were measured; to measure them, run:", bench),
    ),
  );
}
