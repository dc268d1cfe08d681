function showFigures() {
  if (!report.metrics.length) {
    show(
      "figures",
      absent(
        "No metrics were measured; to measure some, run:",
        evalCommand("zeroshot_classification", "--data cifar100:DIR"),
      ),
    );
    return;
  }
  const rows = report.metrics.map((metric, i) => [
    {text: breakable(metric.name), sub: data(dataName(report.data[metric.data] || {}))},
    ...models.map((entry) => {
      const value = entry.values[i];
      if (!value) return {text: "–", number: true};
      const difference = value.difference === undefined ? "" : differenceText(metric, value.difference);
      return {
        text: metricText(metric, value.value),
        number: true,
        sub: value.interval ? `${difference} ${intervalText(value.interval)}` : difference,
      };
    }),
  ]);
  const times = report.latencies.map((latency, i) => [
    {text: data(latencyTitle(latency)), sub: "median, minimum to 95th percentile"},
    ...models.map((entry) => {
      const stats = entry.latencies[i];
      return stats
        ? {
            text: `${milliseconds(stats.median_ms)} ms`,
            number: true,
            sub: `${milliseconds(stats.min_ms)} – ${milliseconds(stats.p95_ms)}, ${stats.repeats} runs`,
          }
        : {text: "–", number: true};
    }),
  ]);
  show(
    "figures",
    table(
      "Metrics and times of all models",
      ["Figure", ...models.map((entry) => ({text: data(entry.label), number: true}))],
      [...rows, ...times],
    ),
  );
}
