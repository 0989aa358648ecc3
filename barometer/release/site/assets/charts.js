"use strict";
// Charts that only show: whatever of them a page has a place for.
(function () {
  const { byId, words, draw, ready } = window.barometer;
  const drawn = ["lives", "scores"].filter((name) => byId(name) && words[name]).map((name) => draw("#" + name, words.chart, { [name]: words[name] }));
  Promise.all(drawn).then(ready);
})();
