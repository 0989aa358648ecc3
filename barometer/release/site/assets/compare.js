"use strict";
(function () {
  const { byId, words, figures, say, number, inWords, difference, figure, interval, reason, element, draw, ready, toldApart } = window.barometer;
  const SIDES = ["a", "b"];
  const nameOf = (area) => (area === figures.city ? words.say.wholeCity : figures.areas[area]);
  let chart = null;

  function sideOf(side) {
    return { area: byId("place-" + side).value, back: Number(byId("back-" + side).value) };
  }

  function figureOf(id, side) {
    const indicator = figures.indicators[id];
    const period = indicator.latest - side.back;
    return period < 0 ? { value: null, lower: null, upper: null, reason: null, period } : { ...figure(indicator, side.area, period), period };
  }

  function tested(id) {
    const [a, b] = SIDES.map((side) => figureOf(id, sideOf(side)));
    return { id, a, b };
  }

  function cell(found, id, label) {
    const made = element("td");
    made.dataset.label = label;
    if (found.value === null) {
      made.append(element("span", found.reason ? reason(found) : words.say.unknown, "why"));
      return made;
    }
    const indicator = figures.indicators[id];
    made.append(element("strong", inWords(found.value, indicator)), " ", element("span", interval(found, indicator), "quiet nowrap"));
    return made;
  }

  function isBoth(row) {
    return row.a.value !== null && row.b.value !== null;
  }

  function verdict(row, apart) {
    if (!apart.has(row.id)) return say("same");
    const higher = row.a.value > row.b.value ? "a" : "b";
    return say("higher", { place: headOf(higher), size: difference(row.a.value - row.b.value, figures.indicators[row.id]) });
  }

  function headOf(side) {
    const { area, back } = sideOf(side);
    const when = byId("back-" + side).selectedOptions[0].textContent;
    return back || sideOf("a").area === sideOf("b").area ? say("placeAt", { place: nameOf(area), period: when }) : nameOf(area);
  }

  function drawTable() {
    const rows = new Map(words.groups.flatMap(([, ids]) => ids.map((id) => [id, tested(id)])));
    const apart = toldApart([...rows.values()]);
    SIDES.forEach((side) => { byId("head-" + side).textContent = headOf(side); });
    const table = byId("comparison");
    table.querySelectorAll("tbody").forEach((body) => body.remove());
    words.groups.forEach(([title, ids]) => {
      const body = element("tbody");
      const heading = element("tr", undefined, "is-group");
      const name = element("th", title);
      name.colSpan = 4;
      name.scope = "rowgroup";
      heading.append(name);
      const shown = ids.filter((id) => isBoth(rows.get(id)));
      body.append(heading, ...shown.map((id) => line(rows.get(id), apart)));
      if (shown.length) table.append(body);
    });
    const both = [...rows.values()].filter(isBoth).length;
    const lacking = [...rows.values()].filter((row) => !isBoth(row)).map((row) => words.indicators[row.id].title);
    byId("lacking").textContent = lacking.length ? say("lacking", { titles: lacking.join("; ") }) : "";
    const [a, b] = SIDES.map(sideOf);
    byId("compared").textContent = a.area === b.area && a.back === b.back ? say("identical") : say("compared", { all: number(both), apart: number(apart.size) });
  }

  function line(row, apart) {
    const made = element("tr", undefined, apart.has(row.id) ? "is-apart" : "");
    const title = element("th", words.indicators[row.id].title);
    title.scope = "row";
    const told = element("td", verdict(row, apart));
    told.dataset.label = byId("head-difference").textContent;
    made.append(title, ...SIDES.map((side) => cell(row[side], row.id, headOf(side))), told);
    return made;
  }

  function series(id, area, who) {
    const indicator = figures.indicators[id];
    return indicator.days.map((day, k) => {
      const found = figure(indicator, area, k);
      const shown = found.value === null ? reason(found) : inWords(found.value, indicator) + " (" + interval(found, indicator) + ")";
      return { day, who, value: found.value, lower: found.lower, upper: found.upper, label: nameOf(area), period: words.indicators[id].periods[k], shown };
    });
  }

  function drawTrend() {
    const id = byId("indicator").value;
    const indicator = figures.indicators[id];
    const [a, b] = SIDES.map((side) => sideOf(side).area);
    const first = series(id, a, "first");
    const second = b === a ? [] : series(id, b, "second");
    const city = a === figures.city || b === figures.city ? [] : series(id, figures.city, "city");
    const rows = [...city, ...second, ...first];
    const ends = rows.flatMap((row) => [row.lower, row.upper, row.value]).filter((end) => end !== null);
    const all = ends.length ? ends : [0, 1];
    const margin = 0.05 * (Math.max(...all) - Math.min(...all)) || 0.05;
    const lowest = Math.min(...all) - margin;
    byId("key-first").textContent = nameOf(a);
    byId("key-second").textContent = b === a ? "" : nameOf(b);
    byId("key-second").hidden = b === a;
    const headings = { "trend-a": nameOf(a), "trend-b": nameOf(b) };
    Object.entries(headings).forEach(([name, text]) => { byId(name).textContent = text; });
    byId("trend-table").tBodies[0].replaceChildren(...words.indicators[id].periods.map((period, k) => {
      const made = element("tr");
      const heading = element("th", period);
      heading.scope = "row";
      made.append(heading, ...[a, b, figures.city].map((area) => cell(figure(indicator, area, k), id, nameOf(area))));
      return made;
    }));
    if (!chart) return Promise.resolve();
    return chart.signal("is_share", indicator.isShare).signal("lowest", Math.min(...all) >= 0 ? Math.max(0, lowest) : lowest)
      .signal("highest", Math.max(...all) + margin).data("trend", rows).runAsync();
  }

  function redraw() {
    drawTable();
    return drawTrend();
  }

  function start() {
    const asked = new URLSearchParams(location.hash.slice(1)).get("a");
    const first = asked in figures.areas ? asked : words.first;
    byId("place-a").value = first;
    byId("place-b").value = asked in figures.areas ? figures.city : words.second;
    byId("indicator").value = words.chosen;
    SIDES.forEach((side) => ["place-", "back-"].forEach((name) => byId(name + side).addEventListener("change", redraw)));
    byId("indicator").addEventListener("change", drawTrend);
  }

  start();
  redraw();
  draw("#trend", words.chart, { trend: series(words.chosen, sideOf("a").area, "first") }).then(({ view }) => {
    chart = view;
    return drawTrend();
  }).then(ready);
})();
