"use strict";
// Charts that show what their page was given; other cities on the Index's page can be chosen by kind.
(function () {
  const { byId, words, say, number, draw, ready } = window.barometer;

  function listen({ view }) {
    const selects = ["size", "diversity", "country"].map(byId).filter(Boolean);
    const choose = () => {
      const wanted = selects.filter((select) => select.value);
      const rows = words.comparison.filter((row) => row.who === "own" || wanted.every((select) => row[select.id] === select.value));
      byId("compared-with").textContent = say("cities", { number: number(new Set(rows.filter((row) => row.who !== "own").map((row) => row.city)).size) });
      return view.data("comparison", rows).runAsync();
    };
    selects.forEach((select) => select.addEventListener("change", choose));
    return choose();
  }

  const drawn = Object.entries(words.charts).filter(([name]) => byId(name)).map(([name, specification]) => {
    const chart = draw("#" + name, specification, { [name]: words[name] });
    return name === "comparison" ? chart.then(listen) : chart;
  });
  Promise.all(drawn).then(ready);
})();
