const mixtures = [
  {key: "one_only", title: "quantized alone", short: "alone"},
  {key: "leave_one_out", title: "all but it quantized", short: "all but it"},
];

const oneLess = (value) => (known(value) ? 1 - value : null);

const changedShare = ({agreement}) => (known(agreement) ? 100 * (1 - agreement) : null);

/** What is drawn of a mixture, and of the fully quantized model for comparison. */
const sensitivityMeasures = (metric) => [
  {title: "decisions changed, %", value: changedShare, whole: changedShare},
  {title: "1 − cosine", value: ({cosine}) => oneLess(cosine), whole: ({cosines}, tower) => oneLess(cosines[tower])},
  {
    title: `difference in ${metric}, points`,
    value: ({differences}) => {
      const {difference} = differences[metric];
      return known(difference) ? 100 * difference : null;
    },
    whole: () => null,  // differences of "all but it" are from that model
  },
];

const differenceCell = (mixture, metric) => {
  const {difference, low, high} = mixture.differences[metric];
  return {
    text: known(difference) ? signed(100 * difference, 2) : "–",
    sub: known(low) ? intervalText([low, high]) : null,
    number: true,
  };
};

function sensitivityOption(colors, width, groups, {metric, quantized}, measure) {
  const whole = measure.whole(quantized, groups[0].tower);
  const isBeyond = known(whole) && mixtures.every(({key}) => groups.every((group) => measure.value(group[key]) < whole));
  return {
    aria: {enabled: true, decal: {show: true}},
    legend: legend(colors, {data: mixtures.map(({title}) => title), type: "plain"}),
    grid: {left: width < 500 ? 120 : 230, right: 34, top: 56, bottom: 46},
    tooltip: {
      ...common(colors).tooltip,
      trigger: "axis",
      formatter: (items) =>
        tip(
          groups[items[0].dataIndex].name,
          ...items.map(({seriesIndex, dataIndex}) => {
            const mixture = groups[dataIndex][mixtures[seriesIndex].key];
            const difference = differenceCell(mixture, metric);
            return `${mixtures[seriesIndex].title}: cosine ${fixed(mixture.cosine, 6)}, agreement ${percent(mixture.agreement)}, ${metric} ${difference.text} ${difference.sub || ""}`;
          }),
        ),
    },
    xAxis: axis(colors, measure.title, {scale: false, ...(isBeyond ? {max: whole} : {})}),
    yAxis: {
      type: "category",
      inverse: true,
      data: groups.map(({name}) => name),
      axisTick: {show: false},
      axisLine: {lineStyle: {color: colors.line}},
      axisLabel: {
        color: colors.ink,
        fontSize: 11,
        interval: 0,
        formatter: (name) => shortened(name, width < 500 ? 18 : 36),
      },
    },
    series: mixtures.map(({key, title}, i) => ({
      type: "bar",
      name: title,
      barGap: "10%",
      itemStyle: {color: colors.series[i + 1]},
      markLine:
        i === 0 && known(whole)
          ? {
              silent: true,
              symbol: "none",
              lineStyle: {color: colors.muted},
              label: {color: colors.muted, fontSize: 11, position: "start", formatter: "all quantized"},
              data: [{xAxis: whole}],
            }
          : undefined,
      data: groups.map((group) => measure.value(group[key])),
    })),
  };
}

function sensitivityTable({groups, recipe}, metric) {
  return table(
    ["What each group of layers costs with ", data(recipe)],
    [
      "Group",
      ...mixtures.flatMap((mixture) =>
        ["cosine", "agreement", metric, "difference"].map((title) => ({
          text: `${mixture.short}: ${title}`,
          number: true,
        })),
      ),
    ],
    groups.map((group) => [
      el("span", {class: "mono"}, data(group.name)),
      ...mixtures.flatMap(({key}) => [
        {text: fixed(group[key].cosine, 6), number: true},
        {text: percent(group[key].agreement), number: true},
        {text: percent(group[key].metrics[metric]), number: true},
        differenceCell(group[key], metric),
      ]),
    ]),
    {tall: true},
  );
}

/** The charts and the table of one Result. */
function sensitivityFigures(details) {
  const {metric, groups, quantized} = details;
  const measures = sensitivityMeasures(metric);
  let measure =
    measures.find((each) => groups.every((group) => known(each.value(group.one_only)))) || measures[0];
  const figures = ["image", "text"]
    .map((tower) => ({tower, own: groups.filter((group) => group.tower === tower)}))
    .filter(({own}) => own.length)
    .map(({tower, own}) =>
      chart(
        `sensitivity-${tower}`,
        tower === "image" ? "Image tower" : "Text tower",
        126 + 30 * own.length,
        (colors, width) => sensitivityOption(colors, width, own, details, measure),
      ),
    );
  const difference = differenceCell(quantized, metric);
  return [
    controls(
      choice(
        "Measure",
        measures.map(({title}) => title),
        (i) => {
          measure = measures[i];
          figures.forEach((figure) => figure.redraw());
        },
        measures.indexOf(measure),
      ),
    ),
    el(
      "p",
      {class: "about"},
      data(details.recipe),
      ` as a whole, on ${details.task}: ${metric} ${difference.text} points ${difference.sub || ""}, agreement ${percent(quantized.agreement)}.`,
    ),
    el("div", {class: "pair"}, figures),
    el("details", {}, el("summary", {}, "As a table"), sensitivityTable(details, metric)),
  ];
}

function showSensitivity() {
  const measured = report.results.filter(({details}) => details && details.sensitivity);
  if (!measured.length) {
    show(
      "sensitivity",
      absent(
        "This needs a measurement of its groups of layers; run:",
        `clipq sensitivity ${modelPath(base)} --recipe RECIPE --data KIND:PATH -o sensitivity.json`,
      ),
    );
    return;
  }
  const place = el("div", {});
  const showResult = (i) => {
    place.replaceChildren(...sensitivityFigures(measured[i].details.sensitivity));
    chartsOf("sensitivity").forEach((entry) => entry.redraw());
  };
  show(
    "sensitivity",
    measured.length > 1
      ? controls(
          choice(
            "Measurement",
            measured.map(({model, data: on, details: {sensitivity}}) =>
              [model.path.replace(/.*\//, ""), sensitivity.recipe, sensitivity.task, on ? dataName(on) : ""]
                .filter((part) => part)
                .join(", "),
            ),
            showResult,
          ),
        )
      : null,
    place,
  );
  showResult(0);
}
