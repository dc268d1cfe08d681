/** The recipes that another one beats nowhere: none costs less without a larger drop. */
function searchFront(points) {
  const beats = (one, other) =>
    one.x <= other.x && one.y >= other.y && (one.x < other.x || one.y > other.y);
  return points
    .filter((point) => !points.some((other) => beats(other, point)))
    .sort((left, right) => left.x - right.x);
}

/** Such as "16 int4, 6 int8": how many groups of layers have each format; empty if that isn't known. */
const formatsText = ({formats}) =>
  Object.entries(formats || {})
    .map(([format, count]) => `${count} ${format}`)
    .join(", ");

const searchedOn = {search: "on the search data", held_out: "on the held-out data"};

/** What is drawn of the recipes on one of the data sets, in percentage points. */
const searchPoints = ({tried}, on, metric, cost) =>
  tried
    .filter((each) => each[on] && known(each[on][metric].difference) && known(cost.value(each)))
    .map((each) => {
      const {difference, low, high} = each[on][metric];
      return {
        each,
        x: cost.value(each),
        y: 100 * difference,
        interval: known(low) ? [100 * low, 100 * high] : null,
        index: each.found ? 1 : 0,
      };
    });

/** What the recipes are compared by: their size, and what the search minimized. */
const searchCosts = ({minimize}) => {
  const size = {title: "size, MiB", value: ({size_bytes: bytes}) => bytes / 1048576, digits: 2};
  const time = {
    title: "share of float's time",
    value: ({cost, share_of_floats_time: share}) => (minimize === "latency" && !known(share) ? cost : share),
    digits: 3,
  };
  if (minimize === "latency") return [time, size];
  if (minimize === "size") return [size, time];
  return [{title: "bit operations, 10⁹", value: ({cost}) => cost / 1e9, digits: 1}, size, time];
};

function searchOption(colors, search, on, metric, cost) {
  const points = searchPoints(search, on, metric, cost);
  const front = searchFront(points);
  const ends = points.flatMap(({y, interval}) => [y, ...(interval || [])]).concat([0]);
  const margin = Math.max(0.1, 0.08 * (Math.max(...ends) - Math.min(...ends)));
  const most = Math.max(0, ...points.map(({x}) => x));
  const goal = search.goals.find((each) => each.metric === metric);
  return {
    grid: {left: 58, right: 24, top: 16, bottom: 46},
    tooltip: {
      ...common(colors).tooltip,
      trigger: "item",
      formatter: ({data: item}) =>
        item && item.each
          ? tip(
              item.each.name,
              formatsText(item.each),
              `${cost.title}: ${fixed(item.x, cost.digits)}`,
              `${metric} ${signed(item.y, 2)} points ${item.interval ? intervalText(item.interval.map((end) => end / 100)) : ""}`,
              front.includes(item.point) ? "on the Pareto front" : "",
            )
          : "",
    },
    xAxis: axis(colors, cost.title, {min: 0, scale: false}),
    yAxis: axis(colors, `${metric}, points from float`, {
      nameGap: 42,
      min: Math.min(...ends) - margin,
      max: Math.max(...ends) + margin,
      axisLabel: {
        color: colors.muted,
        fontSize: 11,
        showMinLabel: false,
        showMaxLabel: false,
        formatter: (value) => fixed(value, 1),
      },
    }),
    series: [
      {
        type: "line",
        step: "end",
        silent: true,
        symbol: "none",
        z: 0,
        data: front.map(({x, y}) => [x, y]),
        lineStyle: {type: "dashed", color: colors.muted, width: 1.2},
        markLine: goal
          ? {
              silent: true,
              symbol: "none",
              lineStyle: {color: colors.series[2]},
              label: {color: colors.muted, fontSize: 11, position: "insideEndBottom", formatter: "goal"},
              data: [{yAxis: -goal.most_drop_points}],
            }
          : undefined,
      },
      intervalSeries(points, colors),
      {
        type: "scatter",
        z: 3,
        labelLayout: apart(),
        data: points.map((point) => {
          const color = colors.series[point.index];
          return {
            each: point.each,
            x: point.x,
            y: point.y,
            interval: point.interval,
            point,
            value: [point.x, point.y],
            symbol: point.each.found ? "diamond" : "circle",
            symbolSize: point.each.found ? 17 : 10,
            itemStyle: {
              color: front.includes(point) ? color : colors.surface,
              borderColor: color,
              borderWidth: 2,
            },
            label: {
              show: true,
              position: point.x > 0.6 * most ? "left" : "right",
              distance: 6,
              color: colors.ink,
              fontSize: 11.5,
              textBorderColor: colors.page,
              textBorderWidth: 3,
              formatter: () => shortened(point.each.name, 26) + (point.each.found ? " (found)" : ""),
            },
          };
        }),
      },
    ],
  };
}

const searchDifference = (each, on, metric) => {
  if (!each[on]) return {text: "–", number: true};
  const {difference, low, high} = each[on][metric];
  return {
    text: known(difference) ? signed(100 * difference, 2) : "–",
    sub: known(low) ? intervalText([low, high]) : null,
    number: true,
  };
};

function triedTable(search, metrics, costs) {
  const columns = Object.keys(searchedOn).flatMap((on) => metrics.map((metric) => ({on, metric})));
  return table(
    ["Recipes that were tried"],
    [
      "Recipe",
      "groups of layers",
      ...costs.map(({title}) => ({text: title, number: true})),
      "goals",
      ...columns.map(({on, metric}) => ({text: `${metric}, points, ${searchedOn[on]}`, number: true})),
    ],
    search.tried.map((each) => [
      el("span", {}, data(each.name), each.found ? " (found)" : ""),
      data(formatsText(each) || "–"),
      ...costs.map((cost) => ({text: fixed(cost.value(each), cost.digits), number: true})),
      each.formats ? (each.meets_goals ? "met" : "missed") : "–",
      ...columns.map(({on, metric}) => searchDifference(each, on, metric)),
    ]),
  );
}

function chosenTable({groups, formats}) {
  const measured = formats.filter((format) => known(groups[0].formats[format].agreement));
  return table(
    ["The format of each group, and what each format alone changes"],
    ["Group", "format", ...measured.map((format) => ({text: `${format}: decisions changed`, number: true}))],
    groups.map((group) => [
      el("span", {class: "mono"}, data(group.name)),
      data(group.chosen || "–"),
      ...measured.map((format) => ({text: percent(1 - group.formats[format].agreement), number: true})),
    ]),
    {tall: true},
  );
}

/** The charts and tables of one search. */
function searchFigures(search) {
  const metrics = distinct(search.goals.map(({metric}) => metric));
  const costs = searchCosts(search);
  let metric = metrics[0];
  let cost = costs[0];
  const figures = Object.entries(searchedOn).map(([on, title]) =>
    chart(`search-${on}`, `Everything tried, ${title}`, 340, (colors) =>
      searchOption(colors, search, on, metric, cost),
    ),
  );
  const redraw = () => figures.forEach((figure) => figure.redraw());
  const selection = (title, names, changed) =>
    names.length > 1
      ? choice(title, names, (i) => {
          changed(i);
          redraw();
        })
      : null;
  return [
    controls(
      selection("Metric", metrics, (i) => {
        metric = metrics[i];
      }),
      selection(
        "Cost",
        costs.map(({title}) => title),
        (i) => {
          cost = costs[i];
        },
      ),
    ),
    el(
      "p",
      {class: "about"},
      `${search.data.items} items were searched with. `,
      search.verdicts.length ? "On the held-out data: " : "No recipe met the goals.",
      search.verdicts.flatMap(({text, status}, i) => [i ? "; " : "", data(`${text}: ${status}`)]),
    ),
    el("div", {class: "pair"}, figures),
    triedTable(search, metrics, costs),
    el("details", {}, el("summary", {}, "Groups of layers"), chosenTable(search)),
  ];
}

function showSearch() {
  const searched = report.results.filter(({details}) => details && details.search);
  if (!searched.length) {
    show(
      "search",
      absent(
        "This needs a search for a recipe; run:",
        `clipq search ${modelPath(base)} --goal "acc1 drop <= 0.5" --data KIND:PATH -o found.json --result search.json`,
      ),
    );
    return;
  }
  const place = el("div", {});
  const showResult = (i) => {
    place.replaceChildren(...searchFigures(searched[i].details.search));
    chartsOf("search").forEach((entry) => entry.redraw());
  };
  show(
    "search",
    searched.length > 1
      ? controls(
          choice(
            "Search",
            searched.map(({model, details: {search}}) =>
              [
                model.path.replace(/.*\//, ""),
                search.goals.map((each) => `${each.metric} drop <= ${each.most_drop_points}`).join(", "),
                search.minimize,
              ].join(", "),
            ),
            showResult,
          ),
        )
      : null,
    place,
  );
  showResult(0);
}
