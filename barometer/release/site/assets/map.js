"use strict";
(function () {
  const { byId, words, figures, say, number, inWords, figure, interval, reason, label, people, element, upperFirst, ready, apartFromCity } = window.barometer;
  const areas = Object.entries(figures.areas).map(([area, name]) => ({ area, name }));
  const links = new Map([...document.querySelectorAll("#map a")].map((link) => [link.dataset.area, link]));
  const state = { indicator: words.chosen, period: figures.indicators[words.chosen].latest, key: "name", descending: false };
  const tested = new Map();
  const SVG = "http://www.w3.org/2000/svg";
  let current = areas[0].area;

  const indicator = () => figures.indicators[state.indicator];
  const texts = () => words.indicators[state.indicator];

  function classOf(value) {
    const edges = indicator().edges;
    for (let k = edges.length - 2; k > 0; k -= 1) if (value >= edges[k]) return k;
    return 0;
  }

  // The rule of the neighbourhoods' own pages and of comparisons, so that no two pages disagree.
  function isApart(area) {
    const back = indicator().latest - state.period;
    if (!tested.has(back)) tested.set(back, new Map(areas.map((each) => [each.area, apartFromCity(each.area, back)])));
    return tested.get(back).get(area).has(state.indicator);
  }

  function drawMap() {
    areas.forEach(({ area, name }) => {
      const found = figure(indicator(), area, state.period);
      const link = links.get(area);
      link.classList.toggle("is-alike", byId("only-apart").checked && !isApart(area));
      link.firstElementChild.setAttribute("fill", found.value === null ? "url(#hatch)" : indicator().colours[classOf(found.value)]);
      link.setAttribute("aria-label", label(name, found, indicator()));
    });
    const title = say("mapTitle", { title: texts().title, period: texts().periods[state.period] });
    byId("map-title").textContent = title;
    byId("figures-caption").textContent = title;
    byId("question").textContent = texts().question + " " + texts().direction;
    byId("n-heading").textContent = texts().voices;
    drawLegend();
    drawWords();
  }

  function edgeInWords(edge) {
    const shown = indicator().isShare ? 100 * edge : edge;
    let decimals = 0;
    while (decimals < 4 && Math.abs(shown - Number(shown.toFixed(decimals))) >= 1e-6) decimals += 1;
    return number(shown, decimals) + (indicator().isShare ? words.percent : "");
  }

  function swatch(fill) {
    const box = document.createElementNS(SVG, "svg");
    const rect = document.createElementNS(SVG, "rect");
    Object.entries({ width: 24, height: 16, "aria-hidden": "true" }).forEach(([name, value]) => box.setAttribute(name, value));
    Object.entries({ width: 24, height: 16, fill }).forEach(([name, value]) => rect.setAttribute(name, value));
    box.append(rect);
    return box;
  }

  function drawLegend() {
    const { edges, colours } = indicator();
    const entries = colours.map((colour, k) => [colour, say("interval", { start: edgeInWords(edges[k]), end: edgeInWords(edges[k + 1]) })]);
    byId("legend").replaceChildren(...[...entries, ["url(#hatch)", words.say.noFigure]].map(([fill, text]) => {
      const entry = element("span");
      entry.append(swatch(fill), text);
      return entry;
    }));
  }

  // Colours invite comparison: say at once how many of the differences are more than uncertainty.
  function drawWords() {
    const found = areas.map(({ area }) => figure(indicator(), area, state.period));
    const shown = found.filter((each) => each.value !== null);
    const city = figure(indicator(), figures.city, state.period).value;
    const apart = areas.filter(({ area }) => isApart(area)).length;
    const value = city === null ? "" : inWords(city, indicator());
    const told = city === null ? "" : " " + (apart ? say("apart", { number: number(apart), value }) : say("noneApart", { value }));
    byId("map-words").textContent = say("mapWords", { shown: number(shown.length), all: number(found.length) }) + told;
    const methods = [...new Set(shown.map((each) => each.method))].map((method) => words.methods[method]);
    const unit = texts().unit ? upperFirst(texts().unit) + ". " : "";
    byId("made-from").textContent = unit + (methods.length ? say("madeFrom", { methods: methods.join("; ") }) : "");
  }

  function row(area, name) {
    const found = figure(indicator(), area, state.period);
    const made = element("tr");
    const title = element("th");
    title.scope = "row";
    if (area === figures.city) title.textContent = name;
    else {
      const link = element("a", name);
      link.href = words.pages[area];
      title.append(link);
      made.dataset.area = area;
    }
    if (found.value !== null && found.method === "model") title.append(" ", element("span", words.say.model, "tag is-quiet"));
    made.append(title);
    if (found.value === null) {
      const why = element("td", upperFirst(reason(found)), "why");
      why.colSpan = 3;
      made.append(why);
    } else {
      [inWords(found.value, indicator()), interval(found, indicator()), people(found.n, indicator())].forEach((text) => made.append(element("td", text, "numeric")));
    }
    return made;
  }

  function sortValue(area) {
    const found = figure(indicator(), area, state.period);
    if (state.key === "value") return found.value;
    if (state.key === "width") return found.value === null || found.lower === null ? null : found.upper - found.lower;
    return found.value === null ? null : found.n;
  }

  function sorted() {
    const sign = state.descending ? -1 : 1;
    const byName = (a, b) => a.name.localeCompare(b.name, words.language);
    if (state.key === "name") return [...areas].sort((a, b) => sign * byName(a, b));
    return [...areas].sort((a, b) => {
      const [left, right] = [sortValue(a.area), sortValue(b.area)];
      // What is missing stays at the end, whichever way it is sorted.
      if (left === null || right === null) return (left === null) - (right === null) || byName(a, b);
      return sign * (left - right) || byName(a, b);
    });
  }

  function drawTable() {
    byId("figures-city").replaceChildren(row(figures.city, words.say.wholeCity));
    byId("figures-areas").replaceChildren(...sorted().filter(({ area }) => !byId("only-apart").checked || isApart(area)).map(({ area, name }) => row(area, name)));
    document.querySelectorAll("#figures thead th").forEach((heading) => {
      if (heading.querySelector("button").dataset.key === state.key) heading.setAttribute("aria-sort", state.descending ? "descending" : "ascending");
      else heading.removeAttribute("aria-sort");
    });
  }

  function draw() {
    drawMap();
    drawTable();
    show(current);
  }

  function fillPeriods() {
    byId("period").replaceChildren(...texts().periods.map((text, k) => new Option(text, String(k))));
    byId("period").value = String(state.period);
  }

  function sortBy(key, heading) {
    state.descending = state.key === key ? !state.descending : false;
    state.key = key;
    drawTable();
    byId("sorted").textContent = say(state.descending ? "sortedDown" : "sorted", { heading });
  }

  // The area under the pointer or the keyboard: named below the map and marked in the table.
  function show(area) {
    const entry = areas.find((each) => each.area === area);
    byId("here").textContent = label(entry.name, figure(indicator(), area, state.period), indicator());
    document.querySelectorAll("#figures tr.is-chosen").forEach((each) => each.classList.remove("is-chosen"));
    const marked = document.querySelector(`#figures-areas tr[data-area="${CSS.escape(area)}"]`);
    if (marked) marked.classList.add("is-chosen");
  }

  // One stop for the keyboard: arrow keys go to the nearest area in that direction.
  function rove(area, isFocused) {
    links.get(current).tabIndex = -1;
    current = area;
    links.get(area).tabIndex = 0;
    if (isFocused) links.get(area).focus();
    show(area);
  }

  function nearest(direction) {
    const [x, y] = words.centres[current];
    const cost = ([a, b]) => {
      const [ahead, aside] = { ArrowRight: [a - x, b - y], ArrowLeft: [x - a, b - y], ArrowDown: [b - y, a - x], ArrowUp: [y - b, a - x] }[direction];
      return ahead <= 0 ? Infinity : Math.hypot(ahead, 2 * aside);
    };
    const [best] = areas.map(({ area }) => [cost(words.centres[area]), area]).sort((a, b) => a[0] - b[0]);
    return best[0] === Infinity ? current : best[1];
  }

  function onKey(event) {
    const at = areas.findIndex((each) => each.area === current);
    const moves = { Home: () => areas[0].area, End: () => areas[areas.length - 1].area, PageDown: () => areas[Math.min(at + 1, areas.length - 1)].area, PageUp: () => areas[Math.max(at - 1, 0)].area };
    if (event.key.startsWith("Arrow")) rove(nearest(event.key), true);
    else if (event.key in moves) rove(moves[event.key](), true);
    else return;
    event.preventDefault();
  }

  function find(text) {
    const wanted = text.trim().toLowerCase();
    const found = wanted && (areas.find(({ name }) => name.toLowerCase() === wanted) || areas.find(({ name }) => name.toLowerCase().startsWith(wanted)));
    if (found) rove(found.area, false);
    return found;
  }

  links.forEach((link, area) => {
    link.tabIndex = area === current ? 0 : -1;
    link.addEventListener("pointerenter", () => show(area));
    link.addEventListener("focus", () => { if (area !== current) rove(area, false); else show(area); });
  });
  byId("map").addEventListener("keydown", onKey);
  byId("indicator").addEventListener("change", (event) => {
    state.indicator = event.target.value;
    state.period = indicator().latest;
    fillPeriods();
    draw();
  });
  byId("period").addEventListener("change", (event) => {
    state.period = Number(event.target.value);
    draw();
  });
  byId("only-apart").addEventListener("change", draw);
  byId("area").addEventListener("input", (event) => find(event.target.value));
  byId("area").form.addEventListener("submit", (event) => {
    event.preventDefault();
    const found = find(byId("area").value);
    if (found) location.href = words.pages[found.area];
  });
  document.querySelectorAll("#figures thead button").forEach((button) => button.addEventListener("click", () => sortBy(button.dataset.key, button.textContent)));
  byId("indicator").value = state.indicator;
  fillPeriods();
  draw();
  ready();
})();
