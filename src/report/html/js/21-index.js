const indexDirections = [
  {name: "image_retrieval", title: "Images by texts"},
  {name: "text_retrieval", title: "Texts by images"},
];

/** How an index stores embeddings, by one name. */
const storageOf = ({format, rescored}) => format + (rescored ? `, first ${rescored} rescored` : "");

/** The four searches of one direction and storage: {index}{queries} -> search. */
function searchesOf(pair, direction, storage) {
  const chosen = [...pair.before.searches, ...pair.own.searches].filter(
    (search) => search.direction === direction && storageOf(search) === storage,
  );
  return Object.fromEntries(chosen.map((search) => [`${search.index} ${search.queries}`, search]));
}

function indexCell(search, length, limit) {
  if (!search) return el("td", {}, "–");
  const {value, low, high} = search.loss[length];
  const share = Math.round(70 * Math.min(1, Math.max(0, (100 * value) / (2 * limit))));
  return el(
    "td",
    {class: "n", style: `background: color-mix(in srgb, var(--bad) ${share}%, transparent)`},
    el("b", {}, percent(search.recall[length])),
    el("span", {class: "sub"}, `loss ${signed(100 * value, 2)} ${intervalText([low, high])}`),
    el("span", {class: "sub"}, `overlap ${percent(search.overlap, 1)}, moved by ${fixed(search.displacement, 1)}`),
  );
}

/** Whose index by whose queries. */
function indexSquare(pair, {name, title}, storage) {
  const searches = searchesOf(pair, name, storage);
  const lengths = Object.keys(Object.values(searches)[0].recall).map(Number);
  const length = String(Math.max(...lengths));
  const row = (side, label) =>
    el(
      "tr",
      {},
      el("th", {scope: "row"}, "index of ", data(label)),
      indexCell(searches[`${side} first`], length, pair.limit),
      indexCell(searches[`${side} own`], length, pair.limit),
    );
  return el(
    "div",
    {class: "scroll"},
    el(
      "table",
      {},
      el("caption", {}, `${title}: recall@${length}`),
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          el("th", {}),
          [base, pair.entry].map(({label}) => el("th", {class: "n", scope: "col"}, "queries of ", data(label))),
        ),
      ),
      el("tbody", {}, row("first", base.label), row("own", pair.entry.label)),
    ),
  );
}

function showIndex() {
  const pairs = pairsWithBase("index_compatibility")
    .filter(({result, partner}) => result.settings.base_sha256 === partner.settings.base_sha256)
    .map(({entry, name, result, partner}) => ({
      entry,
      name,
      own: result.details.index_compatibility,
      before: partner.details.index_compatibility,
      limit: result.settings.largest_loss,
    }));
  if (!pairs.length) {
    show(
      "index",
      absent(
        "This needs images with captions; run:",
        evalCommand("index_compatibility", "--data coco:DIR --captions FILE"),
      ),
    );
    return;
  }
  let pair = pairs[0];
  let storage = "float32";
  const squares = el("div", {class: "pair"});
  const verdicts = el("ul", {class: "plain"});
  const storageChoice = el("span", {});
  const offer = () => {
    const storages = distinct(pair.own.searches.map(storageOf));
    if (!storages.includes(storage)) storage = storages[0];
    const chosen = (i) => {
      storage = storages[i];
      update();
    };
    storageChoice.replaceChildren(choice("Index stored as", storages, chosen, storages.indexOf(storage)));
    update();
  };
  const update = () => {
    squares.replaceChildren(...indexDirections.map((direction) => indexSquare(pair, direction, storage)));
    verdicts.replaceChildren(
      ...[...pair.own.verdicts, ...pair.before.verdicts]
        .filter((verdict) => storageOf(verdict) === storage)
        .map(({text}) => el("li", {}, data(text))),
    );
  };
  show(
    "index",
    controls(
      choice(
        "Model",
        pairs.map(({name}) => name),
        (i) => {
          pair = pairs[i];
          offer();
        },
      ),
      storageChoice,
    ),
    verdicts,
    squares,
  );
  offer();
}
