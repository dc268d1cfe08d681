/** Words for an interval, so that its sign isn't shown by colour alone. */
function verdict(metric, value) {
  if (!value || !value.interval) return {};
  if (value.interval[1] < 0) return {word: "▼ lower", tone: "bad"};
  if (value.interval[0] > 0) return {word: "▲ higher", tone: "good"};
  return {word: "no difference shown", tone: ""};
}

function valueCell(metric, value) {
  if (!value) return {text: "–", number: true};
  const difference = value.difference === undefined ? "" : differenceText(metric, value.difference);
  const sub = value.interval ? `${difference} ${intervalText(value.interval)}` : difference;
  const {word, tone} = verdict(metric, value);
  return {
    text: metricText(metric, value.value),
    sub,
    number: true,
    extra: word ? el("span", {class: `sub ${tone}`}, word) : null,
  };
}

const latencyCell = (latency) =>
  latency
    ? {
        text: `${milliseconds(latency.median_ms)} ms`,
        sub: known(latency.speed_up) ? `${ratio(latency.speed_up)} as fast` : "",
        number: true,
      }
    : {text: "–", number: true};

function modelCell(entry) {
  const {mode, kernels, path} = entry.model;
  const file = path.split("/").pop();
  const how = separated([
    file === entry.label ? "" : file,
    mode && mode !== entry.label ? mode : "",
    kernels,
  ]);
  return {
    text: el(
      "span",
      {},
      el("span", {
        class: "swatch",
        style: `background:${colorOf(entry)}`,
        "aria-hidden": "true",
        "data-model": models.indexOf(entry),
      }),
      data(entry.label),
    ),
    sub: how.length ? how : null,
  };
}

function sizeCell(entry) {
  const {size_bytes: bytes} = entry.model;
  const largest = Math.max(...models.map((each) => each.model.size_bytes || 0));
  return {
    text: known(bytes) ? `${mib(bytes)} MiB` : "–",
    number: true,
    sub:
      entry !== base && known(bytes) && base.model.size_bytes
        ? `${ratio(bytes / base.model.size_bytes)} the size`
        : "",
    extra: known(bytes)
      ? el("span", {class: "bar", style: `width:${(100 * bytes) / largest}%`, "aria-hidden": "true"})
      : null,
  };
}

/** All latencies if there are few, otherwise those of the smallest batch of each kind. */
function headlineLatencies() {
  const all = report.latencies.map((latency, i) => ({latency, i}));
  if (all.length <= 3) return all;
  return all.filter(
    ({latency}) =>
      !report.latencies.some(
        (other) => other.tower === latency.tower && other.batch_size < latency.batch_size,
      ),
  );
}

function showHeadline() {
  const chosen = report.metrics.map((metric, i) => ({metric, i})).filter(({metric}) => metric.headline);
  const times = headlineLatencies();
  const headers = [
    "Model",
    {text: "Size", number: true},
    ...chosen.map(({metric}) => ({
      text: metric.name.replace(/_/g, " "),
      sub: dataName(report.data[metric.data] || {}),
      number: true,
    })),
    ...times.map(({latency}) => ({
      text: latency.tower.replace("_", " "),
      sub: `batch ${latency.batch_size}`,
      number: true,
    })),
  ];
  const rows = models.map((entry) => [
    modelCell(entry),
    sizeCell(entry),
    ...chosen.map(({metric, i}) => valueCell(metric, entry.values[i])),
    ...times.map(({i}) => latencyCell(entry.latencies[i])),
  ]);
  show(
    "headline",
    table("Size, accuracy and time of every model", headers, rows),
    chosen.length
      ? null
      : absent(
          "No accuracy was measured; to measure it, run:",
          evalCommand("zeroshot_classification", "--data cifar100:DIR"),
        ),
    report.latencies.length
      ? null
      : absent("No times were measured; to measure them, run:", `clipq bench ${modelPaths()} -o bench.json`),
    report.warnings.map((warning) => el("p", {class: "absent"}, "Warning: ", data(warning))),
  );
}
