function foundBy(entry, example, thumbnails) {
  return el(
    "div",
    {class: "found"},
    el("div", {}, data(entry.label), el("span", {class: "sub"}, `correct image at rank ${example.rank}`)),
    el(
      "ol",
      {},
      example.top.map((item) =>
        el(
          "li",
          {class: item.right ? "right" : null},
          el(
            "span",
            {class: "frame"},
            /^data:image\/jpeg;base64,[A-Za-z0-9+/=]+$/.test(thumbnails[item.image] || "")
              ? el("img", {
                  src: thumbnails[item.image],
                  alt: `${item.image}${item.right ? ", the correct one" : ""}`,
                  title: item.image,
                })
              : data(shortened(item.image, 12)),
          ),
          `${item.right ? "✓ " : ""}${fixed(item.cosine, 3)}`,
        ),
      ),
    ),
  );
}

function showRetrieval() {
  const others = othersHaving("retrieval_examples");
  if (!others.length) {
    show(
      "retrieval",
      absent("This needs images with captions; run:", evalCommand("drift", "--data coco:DIR --captions FILE")),
    );
    return;
  }
  const thumbnails = Object.assign(
    {},
    ...report.results.map((result) => (result.details && result.details.thumbnails) || {}),
  );
  const examples = el("div", {class: "examples"});
  const update = (index) => {
    const entry = others[index];
    const before = detail(base, "retrieval_examples") || [];
    examples.replaceChildren(
      ...detail(entry, "retrieval_examples").map((example, i) =>
        el(
          "article",
          {class: "example"},
          el("blockquote", {}, data(example.query)),
          el(
            "span",
            {class: "sub"},
            example.why === "changed" ? "among the results that changed most" : "spread evenly over the data",
          ),
          before[i] ? foundBy(base, before[i], thumbnails) : null,
          foundBy(entry, example, thumbnails),
        ),
      ),
    );
  };
  show(
    "retrieval",
    controls(
      choice(
        "Model",
        others.map(({label}) => label),
        update,
      ),
    ),
    examples,
  );
  update(0);
}
