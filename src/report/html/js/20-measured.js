const distinct = (items) => [...new Set(items.filter((item) => item))];

const hash = ({sha256}) => el("code", {class: "hash"}, sha256 || "unknown");

function facts() {
  const environments = report.results.map((result) => result.environment).filter((each) => each);
  const times = distinct(environments.map(({time}) => time)).sort();
  const pairs = [
    ["Machine", report.machines],
    ["clipq", distinct(environments.map(({clipq}) => clipq))],
    ["LibTorch", distinct(environments.map(({libtorch}) => libtorch))],
    ["Measured", times.length > 1 ? [`${times[0]} to ${times[times.length - 1]}`] : times],
    [
      "Calibration",
      distinct(
        report.results.map(
          ({calibration, model}) =>
            calibration && `${model.recipe}: ${calibration.samples} samples of ${calibration.spec}`,
        ),
      ),
    ],
    [
      "Settings",
      distinct(
        report.results.map(({task, settings}) =>
          settings && Object.keys(settings).length
            ? `${task}: ${Object.entries(settings)
                .map(([key, value]) => `${key} ${typeof value === "string" ? value : JSON.stringify(value)}`)
                .join(", ")}`
            : null,
        ),
      ),
    ],
  ];
  return el(
    "dl",
    {},
    pairs
      .filter(([, values]) => values.length)
      .flatMap(([name, values]) => [
        el("dt", {}, name),
        el(
          "dd",
          {},
          values.map((value) => el("div", {}, data(value))),
        ),
      ]),
  );
}

function showMeasured() {
  const commands = distinct(report.results.map(({environment}) => environment && environment.command));
  const modelRows = models.map(({label, model}) => [
    data(label),
    data(model.path),
    [model.mode, model.kernels].filter((part) => part).join(", "),
    {text: known(model.size_bytes) ? String(model.size_bytes) : "–", number: true},
    hash(model),
  ]);
  const dataRows = report.data
    .filter((item) => item.spec)
    .map((item) => [
      data(item.spec),
      {text: item.items ? String(item.items) : "–", number: true},
      {text: item.templates ? String(item.templates) : "–", number: true},
      hash(item),
    ]);
  show(
    "measured",
    facts(),
    commands.length
      ? [el("h3", {}, "Commands"), el("pre", {}, commands.map((command) => [data(command), "\n"]).flat())]
      : null,
    table("Models", ["Model", "File", "Mode", {text: "Bytes", number: true}, "SHA-256"], modelRows),
    dataRows.length
      ? el(
          "div",
          {style: "margin-top:1rem"},
          table(
            "Data",
            ["Data", {text: "Items", number: true}, {text: "Templates", number: true}, "SHA-256"],
            dataRows,
          ),
        )
      : null,
  );
}
