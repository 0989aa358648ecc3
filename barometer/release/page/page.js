"use strict";
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const indicators = new Map(data.indicators.map((indicator) => [indicator.id, indicator]));
  const nameOf = new Map(data.areas.map((area) => [area.area, area.name]));
  const WHOLE_CITY = data.city.id;
  const state = { indicator: data.chosen, period: 0, area: WHOLE_CITY, key: "name", descending: false };
  const views = {};

  // A row of figures, by name. Rows come as [value, lower, upper, n, method, reason, effective n].
  function figure(indicator, area, period) {
    const row = (indicator.rows[area] || [])[period] || [];
    const [value = null, lower = null, upper = null, n = null, method = null, reason = null, effectiveN = null] = row;
    return { value, lower, upper, n, method, reason, effectiveN };
  }

  function inWords(value, indicator) {
    if (indicator.isShare) return (100 * value).toFixed(Math.abs(value) >= 0.0005 && Math.abs(value) < 0.0995 ? 1 : 0) + "%";
    return value.toFixed(1).replace("-", "\u2212");
  }

  function interval(found, indicator) {
    return found.lower === null ? "not known" : inWords(found.lower, indicator) + " to " + inWords(found.upper, indicator);
  }

  function shown(found, indicator) {
    if (found.value === null) return "no figure: " + (data.words.reasons[found.reason] || "not known why");
    return inWords(found.value, indicator) + " (" + interval(found, indicator) + ")";
  }

  function placeName(area) {
    return area === WHOLE_CITY ? "the whole city" : nameOf.get(area);
  }

  function isOfPeople(indicator) {
    return ["answers", "posts", "combined"].includes(indicator.signal);
  }

  function people(n, indicator) {
    if (n === null) return "withheld";
    return (isOfPeople(indicator) ? "about " : "") + n.toLocaleString("en-GB");
  }

  function classOf(value, indicator) {
    const edges = indicator.edges;
    for (let k = edges.length - 2; k > 0; k -= 1) if (value >= edges[k]) return k;
    return 0;
  }

  function element(tag, text, className) {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  function upperFirst(text) {
    return text.replace(/^./, (letter) => letter.toUpperCase());
  }

  function current() {
    return indicators.get(state.indicator);
  }

  function fillAreas() {
    const select = byId("area");
    select.append(new Option("Whole city", WHOLE_CITY));
    data.areas.forEach((area) => select.append(new Option(area.name, area.area)));
  }

  function fillPeriods() {
    const select = byId("period");
    const indicator = current();
    select.replaceChildren();
    indicator.periods.forEach((period, k) => select.append(new Option(period.words, String(k))));
    select.value = String(state.period);
  }

  function drawMap() {
    const indicator = current();
    const features = data.areas.map((area) => {
      const found = figure(indicator, area.area, state.period);
      const fill = found.value === null ? "url(#hatch)" : indicator.colours[classOf(found.value, indicator)];
      return { type: "Feature", geometry: data.shapes[area.area], area: area.area, name: area.name, fill, shown: shown(found, indicator) };
    });
    views.map.data("areas", features).signal("chosen", state.area).runAsync();
    const missing = features.filter((feature) => feature.fill === "url(#hatch)").length;
    byId("map-title").textContent = indicator.title + ", " + indicator.periods[state.period].words;
    byId("map-words").textContent =
      "Darker means higher. " + (features.length - missing) + " of " + features.length +
      " neighbourhoods have a figure; hatched areas have none. " + apartInWords(indicator) +
      " The table below gives every figure and reason.";
    drawLegend(indicator, missing);
  }

  // Colours invite comparison: say at once how many of the differences are more than uncertainty.
  function apartInWords(indicator) {
    const city = figure(indicator, WHOLE_CITY, state.period).value;
    if (city === null) return "";
    const known = data.areas.map((area) => figure(indicator, area.area, state.period)).filter((found) => found.lower !== null);
    const apart = known.filter((found) => found.lower > city || found.upper < city).length;
    if (apart === 0) return "No neighbourhood can be told apart from the whole city (" + inWords(city, indicator) + ").";
    return apart + " of them can be told apart from the whole city (" + inWords(city, indicator) + "); the others cannot.";
  }

  function drawLegend(indicator, missing) {
    const legend = byId("legend");
    legend.replaceChildren();
    indicator.colours.forEach((colour, k) => {
      const swatch = element("i");
      swatch.style.background = colour;
      const entry = element("span");
      entry.append(swatch, edgeInWords(indicator.edges[k], indicator) + " to " + edgeInWords(indicator.edges[k + 1], indicator));
      legend.append(entry);
    });
    if (!missing) return;
    const entry = element("span", undefined, "missing");
    entry.append(element("i"), "no figure");
    legend.append(entry);
  }

  function edgeInWords(edge, indicator) {
    return indicator.isShare ? Number((100 * edge).toFixed(2)) + "%" : String(Number(edge.toFixed(4))).replace("-", "\u2212");
  }

  function series(area, who) {
    const indicator = current();
    return indicator.periods.map((period, k) => {
      const found = figure(indicator, area, k);
      const label = area === WHOLE_CITY ? data.city.name + ", whole city" : nameOf.get(area);
      return { day: period.day, who, value: found.value, lower: found.lower, upper: found.upper, label, period: period.words, shown: shown(found, indicator) };
    });
  }

  function drawTrend() {
    const indicator = current();
    const isCity = state.area === WHOLE_CITY;
    const rows = series(WHOLE_CITY, "city").concat(isCity ? [] : series(state.area, "area"));
    const ends = rows.flatMap((row) => [row.lower, row.upper, row.value]).filter((end) => end !== null);
    const all = ends.length ? ends : [0, 1];
    const margin = 0.05 * (Math.max(...all) - Math.min(...all)) || 0.05;
    const lowest = Math.min(...all) - margin;
    views.trend
      .signal("is_share", indicator.isShare)
      .signal("is_band", indicator.signal !== "answers")
      .signal("lowest", Math.min(...all) >= 0 ? Math.max(0, lowest) : lowest)
      .signal("highest", Math.max(...all) + margin)
      .data("trend", rows)
      .runAsync();
    byId("trend-title").textContent = indicator.title + ": " + (isCity ? data.city.name : nameOf.get(state.area) + " and the whole city");
    byId("key-area-name").textContent = isCity ? "" : nameOf.get(state.area);
    document.querySelector(".key-area").hidden = isCity;
    const known = rows.filter((row) => row.who === (isCity ? "city" : "area") && row.value !== null);
    byId("trend-words").textContent = trendInWords(known, indicator);
  }

  function trendInWords(known, indicator) {
    if (!known.length) return "No period has a figure to draw for this neighbourhood. Bars and bands are 95% intervals.";
    if (known.length === 1) return "Only one period has a figure, " + known[0].period + ". Bars and bands are 95% intervals.";
    const [before, now] = known.slice(-2);
    const isOverlap = now.lower <= before.upper && before.lower <= now.upper;
    return (
      "Latest two: " + inWords(before.value, indicator) + " in " + before.period + ", " + inWords(now.value, indicator) + " in " + now.period +
      ". Their 95% intervals " + (isOverlap ? "overlap." : "do not overlap.") + " Bars and bands are 95% intervals."
    );
  }

  function readAloud() {
    const indicator = current();
    const found = figure(indicator, state.area, state.period);
    const city = figure(indicator, WHOLE_CITY, state.period);
    byId("reading-title").textContent = state.area === WHOLE_CITY ? data.city.name + ", whole city" : nameOf.get(state.area);
    byId("reading").textContent = sentence(indicator, found, city);
    byId("reading-heard").textContent = heardSentence();
  }

  function sentence(indicator, found, city) {
    const period = indicator.periods[state.period].words;
    const start = indicator.title + ", " + period + ": ";
    if (found.value === null) return start + shown(found, indicator) + "." + cityClause(indicator, city, found);
    const base = found.n === null ? "" : " " + upperFirst(people(found.n, indicator) + " " + data.words.voices[indicator.signal]) + ".";
    const unit = indicator.unit ? " " + indicator.unit : "";
    return start + inWords(found.value, indicator) + unit + ", 95% interval " + interval(found, indicator) + "." + base + worthClause(indicator, found) + cityClause(indicator, city, found);
  }

  // People who speak up are not drawn at random: say what they are worth, and on which assumption.
  function worthClause(indicator, found) {
    if (indicator.signal !== "posts" || found.effectiveN === null) return "";
    const worth = found.effectiveN < 9.5 ? found.effectiveN.toFixed(1) : Math.round(found.effectiveN).toLocaleString("en-GB");
    return " They tell as much as " + worth + " people drawn at random would, if being heard and what is said go together with a correlation of " + data.defectCorrelation + ".";
  }

  function cityClause(indicator, city, found) {
    if (state.area === WHOLE_CITY || city.value === null) return "";
    const figureWords = " The whole city: " + inWords(city.value, indicator) + ".";
    if (found.value === null || found.lower === null) return figureWords;
    if (found.lower > city.value) return figureWords + " The neighbourhood’s figure is higher, beyond its interval.";
    if (found.upper < city.value) return figureWords + " The neighbourhood’s figure is lower, beyond its interval.";
    return figureWords + " The two cannot be told apart.";
  }

  function voicesOf(signal, area) {
    const count = (data.coverage[signal] || {})[area];
    return count === undefined ? "none" : count === null ? "too few to show" : count === 0 ? "none" : count.toLocaleString("en-GB");
  }

  function heardSentence() {
    const heard = ["answers", "posts"].filter((signal) => signal in data.coverage);
    if (!heard.length) return "";
    const parts = heard.map((signal) => voicesOf(signal, state.area) + " " + data.words.heard[signal]);
    return "Who was heard in " + placeName(state.area) + " in the newest period: " + parts.join(", ") + ".";
  }

  function drawVoices() {
    byId("voices-area").textContent = state.area === WHOLE_CITY ? "Chosen neighbourhood" : nameOf.get(state.area);
    const body = document.querySelector("#voices tbody");
    body.replaceChildren();
    Object.keys(data.words.covered).filter((signal) => signal in data.coverage).forEach((signal) => {
      const row = element("tr");
      const title = element("th", data.words.covered[signal]);
      title.scope = "row";
      const counts = data.areas.map((area) => data.coverage[signal][area.area]).filter((count) => count);
      row.append(title, element("td", voicesOf(signal, WHOLE_CITY), "numeric"));
      row.append(element("td", state.area === WHOLE_CITY ? "\u2013" : voicesOf(signal, state.area), "numeric"));
      row.append(element("td", counts.length + " of " + data.areas.length, "numeric"));
      body.append(row);
    });
  }

  function tableRow(area, name, indicator) {
    const found = figure(indicator, area, state.period);
    const row = element("tr");
    const title = element("th", name);
    title.scope = "row";
    if (found.value !== null && found.method === "model") title.append(" ", element("span", "model", "tag is-quiet"));
    row.append(title);
    if (found.value === null) {
      const heard = found.n ? " (" + people(found.n, indicator) + " " + data.words.voices[indicator.signal] + ")" : "";
      const why = element("td", upperFirst(data.words.reasons[found.reason] || "not known why") + heard, "why");
      why.colSpan = 3;
      row.append(why);
    } else {
      row.append(element("td", inWords(found.value, indicator), "numeric"));
      row.append(element("td", interval(found, indicator), "numeric"));
      row.append(element("td", found.n === null ? "withheld" : found.n.toLocaleString("en-GB"), "numeric"));
    }
    if (area === state.area) row.className = "is-chosen";
    return row;
  }

  function methodsInUse(indicator) {
    const found = Object.values(indicator.rows).map((rows) => rows[state.period]).filter((row) => row && row.length && row[0] !== null);
    const methods = [...new Set(found.map((row) => row[4]))];
    return methods.map((method) => data.words.methods[method]).join("; ");
  }

  function sortValue(area, indicator) {
    const found = figure(indicator, area.area, state.period);
    if (state.key === "value") return found.value;
    if (state.key === "width") return found.lower === null ? null : found.upper - found.lower;
    return found.n;
  }

  function sortedAreas(indicator) {
    const sign = state.descending ? -1 : 1;
    const byName = (a, b) => a.name.localeCompare(b.name, "en-GB");
    if (state.key === "name") return [...data.areas].sort((a, b) => sign * byName(a, b));
    return [...data.areas].sort((a, b) => {
      const [left, right] = [sortValue(a, indicator), sortValue(b, indicator)];
      // What is missing stays at the end, whichever way it is sorted.
      if (left === null || right === null) return (left === null) - (right === null) || byName(a, b);
      return sign * (left - right) || byName(a, b);
    });
  }

  function drawTable() {
    const indicator = current();
    const method = methodsInUse(indicator);
    const unit = indicator.unit ? " In " + indicator.unit.replace(/^out of/, "points out of") + "." : "";
    byId("figures-caption").textContent =
      indicator.title + ", " + indicator.periods[state.period].words + "." + unit + (method ? " Made from: " + method + "." : "");
    byId("n-heading").textContent = upperFirst(data.words.voices[indicator.signal]) + (isOfPeople(indicator) ? ", about" : "");
    byId("figures-city").replaceChildren(tableRow(WHOLE_CITY, "Whole city", indicator));
    byId("figures-areas").replaceChildren(...sortedAreas(indicator).map((area) => tableRow(area.area, area.name, indicator)));
    document.querySelectorAll("#figures thead th").forEach((heading) => {
      const button = heading.querySelector("button");
      if (!button) return;
      if (button.dataset.key === state.key) heading.setAttribute("aria-sort", state.descending ? "descending" : "ascending");
      else heading.removeAttribute("aria-sort");
    });
  }

  function draw() {
    const indicator = current();
    byId("indicator").value = state.indicator;
    byId("area").value = state.area;
    byId("question").textContent = indicator.question + " " + indicator.direction;
    fillPeriods();
    drawMap();
    drawTrend();
    readAloud();
    drawTable();
    drawVoices();
  }

  function chooseIndicator(id) {
    state.indicator = id;
    state.period = current().latest;
    draw();
  }

  function chooseArea(area) {
    state.area = area;
    draw();
  }

  function sortBy(key) {
    state.descending = state.key === key ? !state.descending : false;
    state.key = key;
    drawTable();
    const heading = document.querySelector('#figures thead button[data-key="' + key + '"]').textContent;
    byId("sorted").textContent = "Sorted by " + heading + ", " + (state.descending ? "descending" : "ascending");
  }

  function listen() {
    byId("indicator").addEventListener("change", (event) => chooseIndicator(event.target.value));
    byId("area").addEventListener("change", (event) => chooseArea(event.target.value));
    byId("period").addEventListener("change", (event) => {
      state.period = Number(event.target.value);
      draw();
    });
    document.querySelectorAll("#figures thead button").forEach((button) => button.addEventListener("click", () => sortBy(button.dataset.key)));
    document.querySelectorAll("button[data-area]").forEach((button) => button.addEventListener("click", () => {
      state.area = button.dataset.area;
      chooseIndicator(button.dataset.indicator);
      byId("explore").scrollIntoView();
      byId("area").focus({ preventScroll: true });
    }));
    views.map.addEventListener("click", (event, item) => {
      if (item && item.datum && item.datum.area) chooseArea(item.datum.area);
    });
  }

  function firstFeatures() {
    return data.areas.map((area) => ({ type: "Feature", geometry: data.shapes[area.area], area: area.area }));
  }

  const options = { actions: false, renderer: "svg" };
  fillAreas();
  state.period = current().latest;
  Promise.all([
    vegaEmbed("#map", { ...data.charts.map, datasets: { areas: firstFeatures() } }, options),
    vegaEmbed("#trend", { ...data.charts.trend, datasets: { trend: series(WHOLE_CITY, "city") } }, options),
  ]).then(([map, trend]) => {
    views.map = map.view;
    views.trend = trend.view;
    listen();
    draw();
    document.documentElement.dataset.ready = "yes";
  });
})();
