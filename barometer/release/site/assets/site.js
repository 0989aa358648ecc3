"use strict";
// What the pages' scripts share: words and numbers in the page's language, figures by name, charts in the page's colours.
window.barometer = (function () {
  const byId = (id) => document.getElementById(id);
  const given = byId("page-data");
  const words = given ? JSON.parse(given.textContent) : {};
  const figures = window.barometerFigures;
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

  // Charts take text and line colours from the page, and evaluate no code: the policy of these pages forbids it.
  function draw(selector, specification, datasets) {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const own = { "#1f2933": "--ink", "#3d4852": "--ink" };
    const themed = JSON.parse(JSON.stringify(specification).replace(/#1f2933|#3d4852/g, (found) => colour(own[found])));
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

  return { byId, words, figures, say, number, inWords, difference, figure, interval, reason, label, people, element, upperFirst, draw, ready };
})();
if (!document.querySelector("script[src$='map.js'], script[src$='compare.js'], script[src$='charts.js']")) window.barometer.ready();
