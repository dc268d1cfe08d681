/** Each model's map beside the first model's on the same data: {entry, name, map, before}. */
const similarityMaps = () =>
  pairsWithBase("similarity_map").map(({entry, name, result, partner}) => ({
    entry,
    name,
    map: result.details.similarity_map,
    before: partner.details.similarity_map,
  }));

function heatmapOption(colors, width, chosen, values, {low, high, scale, digits, sign}) {
  const {images, texts} = chosen.map;
  const cells = values.flatMap((row, image) => row.map((value, text) => [text, image, value]));
  const number = (value) => (sign ? signed(value, digits) : fixed(value, digits));
  const category = (count, name) => ({
    type: "category",
    data: Array.from({length: count}, (unused, i) => String(i + 1)),
    name,
    nameLocation: "middle",
    nameGap: 24,
    nameTextStyle: {color: colors.muted},
    axisLabel: {color: colors.muted, fontSize: 11},
    axisLine: {show: false},
    axisTick: {show: false},
  });
  return {
    grid: {left: 42, right: 8, top: 8, bottom: 72},
    tooltip: {
      ...common(colors).tooltip,
      formatter: ({value}) =>
        tip(
          number(value[2]),
          `image ${value[1] + 1}: ${shortened(images[value[1]], 60)}`,
          `text ${value[0] + 1}: ${shortened(texts[value[0]], 80)}`,
        ),
    },
    xAxis: category(texts.length, "text"),
    yAxis: {...category(images.length, "image"), inverse: true},
    visualMap: {
      type: "continuous",
      min: low,
      max: high,
      calculable: false,
      orient: "horizontal",
      left: "center",
      bottom: 0,
      itemWidth: 10,
      itemHeight: 110,
      text: [number(high), number(low)],
      textStyle: {color: colors.muted, fontSize: 11},
      inRange: {color: scale},
    },
    series: [
      {
        type: "heatmap",
        data: cells,
        itemStyle: {borderColor: colors.surface, borderWidth: 2},
        emphasis: {disabled: true},
        label: {
          show: width / images.length >= 30,
          fontSize: 10,
          formatter: ({value}) => number(value[2]).replace(/^([+−]?)0\./, "$1."),
        },
      },
    ],
  };
}

function showSimilarity() {
  const maps = similarityMaps();
  if (!maps.length) {
    show(
      "similarity",
      absent(
        "This needs embeddings from both models; run:",
        evalCommand("drift", "--data coco:DIR --captions FILE"),
      ),
    );
    return;
  }
  let chosen = maps[0];
  const values = () => [...chosen.map.cosines.flat(), ...chosen.before.cosines.flat()];
  const absolute = (colors) => ({
    low: Math.min(...values()),
    high: Math.max(...values()),
    scale: colors.cool,
    digits: 2,
  });
  const change = () =>
    chosen.map.cosines.map((row, i) => row.map((value, j) => value - chosen.before.cosines[i][j]));
  const largest = () => Math.max(1e-4, ...change().flat().map(Math.abs));
  const figures = [
    chart("similarity-before", base.label, 330, (colors, width) =>
      heatmapOption(colors, width, chosen, chosen.before.cosines, absolute(colors)),
    ),
    chart("similarity-after", chosen.entry.label, 330, (colors, width) =>
      heatmapOption(colors, width, chosen, chosen.map.cosines, absolute(colors)),
    ),
    chart("similarity-change", "Difference", 330, (colors, width) =>
      heatmapOption(colors, width, chosen, change(), {
        low: -largest(),
        high: largest(),
        scale: colors.diverging,
        digits: 3,
        sign: true,
      }),
    ),
  ];
  const keys = el("ol", {class: "keys"});
  const update = () => {
    figures[1].retitle(chosen.entry.label);
    keys.replaceChildren(
      ...chosen.map.texts.map((text, i) =>
        el("li", {}, data(text), " ", el("span", {class: "mono"}, data(chosen.map.images[i]))),
      ),
    );
    figures.forEach((figure) => figure.redraw());
  };
  show(
    "similarity",
    controls(
      choice(
        "Model",
        maps.map(({name}) => name),
        (i) => {
          chosen = maps[i];
          update();
        },
      ),
    ),
    el("div", {class: "triple"}, figures),
    keys,
  );
  update();
}
