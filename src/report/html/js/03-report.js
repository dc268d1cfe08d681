const report = JSON.parse(document.getElementById("data").textContent);
const models = report.models;
const base = models[0];

/** Whether a Result is about this model, in whatever mode it ran. */
const isAbout = (result, entry) =>
  result.model.sha256 && entry.model.sha256
    ? result.model.sha256 === entry.model.sha256
    : result.model.path === entry.model.path;

/** All Results about a model that have such a detail. */
const resultsWith = (entry, key) =>
  report.results.filter((result) => isAbout(result, entry) && result.details && result.details[key]);

const detail = (entry, key) => {
  const found = resultsWith(entry, key);
  return found.length ? found[0].details[key] : null;
};

/** Models that have such a detail. */
const having = (key) => models.filter((entry) => detail(entry, key) !== null);

/** Models other than the first that have such a detail. */
const othersHaving = (key) => having(key).filter((entry) => entry !== base);

const dataSet = (item) => item.dataset || item.spec || "";

/** Distinguishes data that differ only in prompts or settings. */
const dataName = (item) => {
  const prompts = report.data
    .filter((other) => other.templates && dataSet(other) === dataSet(item))
    .map((other) => other.templates);
  return [
    dataSet(item),
    item.templates && new Set(prompts).size > 1 ? `${item.templates} templates` : "",
    item.variant || "",
  ]
    .filter((part) => part)
    .join(", ");
};
const metricTitle = (metric) => {
  const item = report.data[metric.data];
  return metric.name + (report.data.length > 1 && item ? `, ${dataName(item)}` : "");
};
/** Results with such a detail, each beside the first model's on the same data: {entry, name, result, partner}. */
function pairsWithBase(key) {
  const pairs = [];
  for (const entry of models.slice(1)) {
    for (const result of resultsWith(entry, key)) {
      const partner = resultsWith(base, key).find(
        (other) =>
          other.data &&
          result.data &&
          other.data.spec === result.data.spec &&
          other.data.items === result.data.items,
      );
      if (partner) pairs.push({entry, name: `${entry.label}, ${dataName(result.data)}`, result, partner});
    }
  }
  return pairs;
}
const latencyTitle = (latency) => `${latency.tower.replace("_", " ")}, batch ${latency.batch_size}`;
const blockTitle = (tower, index) => `${tower} block ${index + 1}`;

/** What a command line calls a model. */
const modelPath = ({model: {path}}) => (/^[\w./-]+$/.test(path) ? path : `'${oneLine(path)}'`);
const modelPaths = () => models.map(modelPath).join(" ");
const evalCommand = (task, rest) => `clipq eval ${modelPaths()} --task ${task} ${rest} -o ${task}.json`;
