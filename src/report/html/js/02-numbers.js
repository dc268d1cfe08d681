const known = (value) => typeof value === "number" && Number.isFinite(value);
const signed = (value, digits) => {
  const text = Math.abs(value).toFixed(digits);
  return (Number(text) === 0 ? "" : value < 0 ? "−" : "+") + text;
};
const fixed = (value, digits) =>
  known(value)
    ? (value < 0 && Number(value.toFixed(digits)) !== 0 ? "−" : "") + Math.abs(value).toFixed(digits)
    : "–";
const mib = (bytes) => (known(bytes) ? fixed(bytes / 1048576, 2) : "–");
const ratio = (value) => (known(value) ? fixed(value, 2) + "×" : "–");
const percent = (value, digits = 2) => (known(value) ? fixed(100 * value, digits) + " %" : "–");

/** Milliseconds with about three digits. */
const milliseconds = (value) => fixed(value, value >= 100 ? 0 : value >= 10 ? 1 : 2);

/** A number with four significant digits. */
const short = (value) => (known(value) ? String(Number(value.toPrecision(4))).replace("-", "−") : "–");

const metricText = (metric, value) => (metric.plain ? fixed(value, 5) : percent(value));
const differenceText = (metric, value) =>
  !known(value) ? "" : metric.plain ? signed(value, 5) : signed(100 * value, 2);
const intervalText = (interval) => `[${signed(100 * interval[0], 2)}, ${signed(100 * interval[1], 2)}]`;
