// Charts take their pictures' places, when the packed library is there.
"use strict";
(async () => {
  const packed = document.querySelector("#library");
  if (!packed) return;

  /** The library as a script: a module, so that its names are not this page's. */
  async function load() {
    const stream = new Blob([bytes(packed.textContent)]).stream();
    const script = document.createElement("script");
    script.type = "module";
    script.textContent = await new Response(stream.pipeThrough(new DecompressionStream("deflate"))).text();
    document.head.append(script);
    while (!window.vegaEmbed) await new Promise((next) => { setTimeout(next, 5); });
  }

  /** The rows within a chart's frame, in a table. */
  function list(section, { names, columns, order }, inside) {
    const found = order.filter((k) => inside(k));
    section.querySelector(".said").textContent = `${found.length.toLocaleString("en")} of ${names.length.toLocaleString("en")} rows are in the frame`
      + (found.length > MOST ? `; below the ${MOST} with the largest error` : "");
    section.querySelector("tbody").replaceChildren(...found.slice(0, MOST).map((k) => {
      const line = document.createElement("tr");
      for (const [place, text] of [names[k], ...columns.map((column) => cell(column, k))].entries()) {
        const node = document.createElement(place ? "td" : "th");
        if (!place) node.scope = "row";
        else if (!columns[place - 1].levels) node.className = "number";
        node.textContent = text;
        line.append(node);
      }
      return line;
    }));
  }

  function cell({ values, levels, texts }, k) {
    if (values[k] === null) return "–";
    return levels ? levels[values[k]] : texts?.[k] ?? shown(values[k]);
  }

  const MOST = 12;
  await load();
  const look = { mode: "vega", ast: true, actions: false, renderer: "svg", defaultStyle: false };
  for (const section of document.querySelectorAll(".chart")) {
    const { spec, rows } = JSON.parse(section.querySelector("script").textContent);
    if (rows) spec.signals.find(({ name }) => name === "columns").value = rows.columns;
    section.classList.add("alive");
    let view;
    try {
      ({ view } = await window.vegaEmbed(section.querySelector(".drawn"), spec, look));
      // One picture, which its alternative text describes, and not a hundred marks without names.
      section.querySelector("svg").setAttribute("aria-hidden", "true");
    } catch (error) {
      section.classList.remove("alive");
      console.error(error);
    }
    if (!view) continue;
    const { play, times } = spec.usermeta ?? {};
    if (play) {
      const tell = (_, words) => { section.querySelector("output").textContent = words; };
      const go = (layer) => view.signal("layer", layer).run();
      view.addSignalListener("said", tell);
      tell("said", view.signal("said"));
      player(section.querySelector("input[name=layer]"), play, go);
      // `#t=7.5` in the address sets every flow to that time.
      const [, time] = /^#t=(\d+(?:\.\d+)?)$/.exec(location.hash) ?? [];
      const after = times.findIndex((t) => t > time);
      if (time) go(after < 1 ? play : after - 1 + (time - times[after - 1]) / (times[after] - times[after - 1]));
    }
    if (!rows) continue;
    const points = spec.data[0].values;
    const heed = (_, [x0, x1, y0, y1]) => list(section, rows, (k) => {
      const { x, y } = points[k];
      return x >= x0 && x <= x1 && y >= y0 && y <= y1;
    });
    view.addSignalListener("frame", heed);
    heed("frame", view.signal("frame"));
  }
  document.documentElement.dataset.charts = "drawn";
})();
