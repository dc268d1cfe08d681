function showMeta() {
  const times = distinct(report.results.map(({environment}) => environment && environment.time)).sort();
  const parts = [
    `${models.length} ${models.length === 1 ? "model" : "models"}`,
    ...report.machines,
    times.length ? times[times.length - 1].slice(0, 10) : "",
    `clipq ${report.clipq}`,
  ];
  document.getElementById("meta").append(...separated(parts));
  document
    .getElementById("contents")
    .append(
      ...[...document.querySelectorAll("main > section")].map((section) =>
        el("a", {href: `#${section.id}`}, section.querySelector("h2").textContent),
      ),
    );
}

const recolor = () =>
  document.querySelectorAll(".swatch").forEach((swatch) => {
    swatch.style.background = colorOf(models[Number(swatch.dataset.model)]);
  });
const repaint = () => {
  recolor();
  redrawAll();
};

const sections = {
  headline: showHeadline,
  tradeoff: showTradeoff,
  sizes: showSizes,
  depth: showDepth,
  sensitivity: showSensitivity,
  search: showSearch,
  similarity: showSimilarity,
  retrieval: showRetrieval,
  index: showIndex,
  weights: showWeights,
  gelu: showGelu,
  outliers: showOutliers,
  quantizers: showQuantizers,
  figures: showFigures,
  measured: showMeasured,
};

showMeta();
for (const [section, fill] of Object.entries(sections)) {
  try {
    fill();
    chartsOf(section).forEach((entry) => entry.redraw());
  } catch (failure) {
    // Details of a Result aren't validated when it is read: a damaged one only breaks its own section.
    show(section, el("p", {class: "absent"}, `These data can't be shown: ${failure.message}`));
  }
}

let resizing = 0;
window.addEventListener("resize", () => {
  clearTimeout(resizing);
  resizing = setTimeout(redrawAll, 80);
});
prefersDark.addEventListener("change", repaint);
window.addEventListener("beforeprint", () => {
  printing = true;
  repaint();
});
window.addEventListener("afterprint", () => {
  printing = false;
  repaint();
});
