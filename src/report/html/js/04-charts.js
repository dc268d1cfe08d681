// The colours of both themes; the first is the first model's. Marks and dashes differ as well.
const themes = {
  light: {
    ink: "#1c2126",
    muted: "#59616b",
    line: "#dfe2e6",
    page: "#fafaf8",
    surface: "#ffffff",
    series: [
      "#565d66",
      "#0868ac",
      "#c2500a",
      "#0b7a55",
      "#7b4fb5",
      "#8a6500",
      "#1f88b8",
      "#b0305f",
      "#5b6b12",
    ],
    cool: ["#f4f7fb", "#9cc3e4", "#1f5f99"],
    diverging: ["#b5500e", "#f6f6f4", "#1f5f99"],
  },
  dark: {
    ink: "#e7eaed",
    muted: "#a3abb5",
    line: "#30363d",
    page: "#131619",
    surface: "#1a1e22",
    series: [
      "#b4bcc6",
      "#63b3ee",
      "#f39a5c",
      "#4cc89c",
      "#bda0ec",
      "#dcb84f",
      "#7fd0ea",
      "#f08fb0",
      "#b5c763",
    ],
    cool: ["#1d252d", "#2f6c9f", "#9fd0f7"],
    diverging: ["#f39a5c", "#22272c", "#63b3ee"],
  },
};
const symbols = ["circle", "rect", "triangle", "diamond", "roundRect", "pin", "arrow"];
const dashes = ["solid", "solid", "dashed", "dotted", [8, 3, 2, 3], [2, 2], [12, 4]];
const prefersDark = window.matchMedia("(prefers-color-scheme: dark)");
const drawn = [];
let printing = false;

const theme = () => (prefersDark.matches && !printing ? themes.dark : themes.light);
const colorOf = (entry) => theme().series[models.indexOf(entry) % theme().series.length];
const symbolOf = (entry) => symbols[models.indexOf(entry) % symbols.length];
const dashOf = (entry) => dashes[models.indexOf(entry) % dashes.length];

/** What all charts share. Tooltips are nodes, so that their text is never parsed as HTML. */
function common(colors) {
  return {
    animation: false,
    textStyle: {
      fontFamily: "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', Arial, sans-serif",
      color: colors.ink,
    },
    tooltip: {
      confine: true,
      backgroundColor: colors.surface,
      borderColor: colors.line,
      textStyle: {color: colors.ink},
    },
  };
}

const axis = (colors, name, more = {}) => ({
  type: "value",
  name,
  nameLocation: "middle",
  nameGap: 30,
  scale: true,
  nameTextStyle: {color: colors.muted, fontSize: 12},
  axisLabel: {color: colors.muted, fontSize: 11, hideOverlap: true},
  axisLine: {show: true, lineStyle: {color: colors.line}},
  axisTick: {show: false},
  splitLine: {lineStyle: {color: colors.line, opacity: 0.6}},
  ...more,
});

const legend = (colors, more = {}) => ({
  top: 0,
  left: 0,
  itemGap: 14,
  textStyle: {color: colors.muted, fontSize: 12},
  type: "scroll",
  ...more,
});

/** A tooltip of a title and lines. */
const tip = (title, ...lines) =>
  el(
    "div",
    {class: "tip"},
    el("b", {}, data(title)),
    lines.filter((line) => line).map((line) => el("div", {}, line)),
  );

/**
 * A figure with a chart. `option(colors, width)` gives what ECharts draws; call redraw() on the
 * result when it would give something else.
 */
function chart(name, title, height, option) {
  const node = el("div", {
    class: "chart",
    role: "img",
    "aria-label": title,
    "data-chart": name,
    style: `height:${height}px`,
  });
  const caption = el("figcaption", {}, title);
  const figure = el("figure", {}, caption, node);
  const entry = {
    node,
    instance: null,
    redraw: () => {
      if (!node.isConnected) return;
      if (!entry.instance) entry.instance = echarts.init(node, null, {renderer: "svg"});
      const colors = theme();
      const width = printing ? (node.closest(".triple") ? 200 : 640) : node.clientWidth;
      entry.instance.resize({width, height});
      entry.instance.setOption({...common(colors), ...option(colors, width)}, {notMerge: true});
    },
  };
  drawn.push(entry);
  figure.redraw = entry.redraw;
  figure.retitle = (text) => {
    caption.textContent = text;
    node.setAttribute("aria-label", text);
  };
  return figure;
}

const chartsOf = (section) => drawn.filter(({node}) => node.closest(`#${section}`));

const redrawAll = () => drawn.forEach((entry) => entry.redraw());
