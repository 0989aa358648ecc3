"use strict";
// What the pages' scripts share: words and numbers in the page's language, figures by name, charts in the page's colours.
window.barometer = (function () {
  const byId = (id) => document.getElementById(id);
  const given = byId("page-data");
  const words = given ? JSON.parse(given.textContent) : {};
  const figures = window.barometerFigures;
  const FALSE_DISCOVERY_RATE = 0.05;
  const [NARROW_PX, NARROW_STEP_PX, PANEL_PX, PANEL_EDGE_PX] = [560, 46, 240, 56];
  const MINUS = "\u2212";

  // Fill the named placeholders of a message; a doubled per cent sign is one.
  function fill(message, values) {
    return message.replace(/%\((\w+)\)s|%%/g, (found, name) => (name ? String(values[name]) : "%"));
  }

  function say(name, values) {
    return fill(words.say[name], values || {});
  }

  function number(value, decimals) {
    const [whole, rest] = Math.abs(value).toFixed(decimals || 0).split(".");
    const grouped = whole.replace(/\B(?=(\d{3})+$)/g, words.group);
    const shown = rest === undefined ? grouped : grouped + words.decimal + rest;
    return value < 0 && /[1-9]/.test(shown) ? MINUS + shown : shown;
  }

  function share(value, decimals) {
    return number(100 * value, decimals) + words.percent;
  }

  function inWords(value, indicator) {
    if (!indicator.isShare) return number(value, 1);
    return share(value, Math.abs(value) >= 0.0005 && Math.abs(value) < 0.0995 ? 1 : 0);
  }

  function difference(size, indicator) {
    const shown = number(indicator.isShare ? 100 * Math.abs(size) : Math.abs(size), 1);
    return indicator.isShare ? say("percentagePoints", { size: shown }) : shown;
  }

  // One row of figures, by name; see figures.js.
  function figure(indicator, area, period) {
    const row = (indicator.rows[area] || [])[period] || [];
    if (row.length < 3) return { value: null, lower: null, upper: null, n: row.length ? row[1] : null, reason: row.length ? figures.reasons[row[0]] : null };
    const [value, lower, upper, n, method, effectiveN, error] = row;
    return { value, lower, upper, n, method: figures.methods[method], effectiveN, error, reason: null };
  }

  function interval(found, indicator) {
    if (found.lower === null) return words.say.unknown;
    return say("interval", { start: inWords(found.lower, indicator), end: inWords(found.upper, indicator) });
  }

  function reason(found) {
    return words.reasons[found.reason] || words.say.unknown;
  }

  function label(name, found, indicator) {
    if (found.value === null) return say("missing", { name, reason: reason(found) });
    return say("label", { name, value: inWords(found.value, indicator), interval: interval(found, indicator) });
  }

  function people(n, indicator) {
    if (n === null) return words.say.withheld;
    return indicator.isOfPeople && n > 0 ? say("about", { number: number(n) }) : number(n);
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

  // Complementary error function, Numerical Recipes' rational Chebyshev form: relative error below 1.2e-7.
  function erfc(x) {
    const z = Math.abs(x);
    const t = 1 / (1 + z / 2);
    const terms = [-1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223, 0.17087277];
    const sum = terms.reduceRight((rest, term) => term + t * rest, 0);
    const found = t * Math.exp(-z * z + sum);
    return x >= 0 ? found : 2 - found;
  }

  // Rows { id, a, b } of two places: ids whose difference is more than its own error makes likely, all of them tested
  // together (Benjamini and Hochberg, 1995). barometer/release/site/apart.py is the same rule.
  function toldApart(rows) {
    const error = ({ a, b }) => Math.hypot(a.error || 0, b.error || 0);
    const p = (row) => erfc(Math.abs(row.a.value - row.b.value) / error(row) / Math.SQRT2);
    const testable = rows.filter((row) => row.a.value !== null && row.b.value !== null && error(row) > 0);
    const ordered = testable.map((row) => [p(row), row.id]).sort(([left], [right]) => left - right);
    let last = -1;
    ordered.forEach(([chance], k) => { if (chance <= (FALSE_DISCOVERY_RATE * (k + 1)) / ordered.length) last = k; });
    return new Set(ordered.slice(0, last + 1).map(([, id]) => id));
  }

  // Ids of the indicators in which an area can be told apart from the whole city, so many periods before the newest.
  function apartFromCity(area, back) {
    const at = (indicator, place) => figure(indicator, place, indicator.latest - back);
    return toldApart(Object.entries(figures.indicators).map(([id, indicator]) => ({ id, a: at(indicator, area), b: at(indicator, figures.city) })));
  }

  // Where a chart is narrow: names above their bars, and as many small panels side by side as fit.
  function fitted(specification, width) {
    if (specification.facet) {
      const columns = Math.max(1, Math.min(4, Math.floor(width / PANEL_PX)));
      return { ...specification, columns, spec: { ...specification.spec, width: Math.floor(width / columns) - PANEL_EDGE_PX } };
    }
    if (width >= NARROW_PX) return specification;
    const above = { labelAlign: "left", labelPadding: 0, labelOffset: -18, labelLimit: width - 8, ticks: false, domain: false };
    const place = (part) => {
      const y = (part.encoding || {}).y;
      return y && y.type === "nominal" ? { ...part, encoding: { ...part.encoding, y: { ...y, axis: { ...y.axis, ...above } } } } : part;
    };
    const made = { ...place(specification), ...(specification.layer ? { layer: specification.layer.map(place) } : {}) };
    return specification.height && specification.height.step ? { ...made, height: { step: NARROW_STEP_PX } } : made;
  }

  // Charts take text and line colours from the page, and evaluate no code: the policy of these pages forbids it.
  function draw(selector, specification, datasets) {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const own = { "#1f2933": "--ink", "#3d4852": "--ink" };
    const shaped = fitted(specification, document.querySelector(selector).clientWidth);
    const themed = JSON.parse(JSON.stringify(shaped).replace(/#1f2933|#3d4852/g, (found) => colour(own[found])));
    const config = {
      ...themed.config,
      axis: { labelFontSize: 13, labelColor: colour("--ink"), gridColor: colour("--line"), domainColor: colour("--quiet"), tickColor: colour("--quiet") },
      header: { labelColor: colour("--ink"), labelFontSize: 12 },
      text: { color: colour("--ink"), fontSize: 13 },
    };
    const options = { actions: false, renderer: "svg", ast: true, logLevel: 1, defaultStyle: false, tooltip: { disableDefaultStyle: true } };
    return window.vegaEmbed(selector, { ...themed, config, datasets }, options);
  }

  function ready() {
    document.documentElement.dataset.ready = "yes";
  }

  // A link to one entry of a list of closed entries opens it, and the list it stands in.
  function openTarget() {
    const target = location.hash.length > 1 && byId(decodeURIComponent(location.hash.slice(1)));
    const closed = target && target.closest("details");
    if (!closed || closed.open) return;
    closed.open = true;
    target.scrollIntoView();
  }
  openTarget();
  window.addEventListener("hashchange", openTarget);
  window.addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((each) => { each.open = true; }));

  return { byId, words, figures, say, number, inWords, difference, figure, interval, reason, label, people, element, upperFirst, draw, ready, toldApart, apartFromCity };
})();
if (!document.querySelector("script[src$='map.js'], script[src$='compare.js'], script[src$='charts.js']")) window.barometer.ready();
