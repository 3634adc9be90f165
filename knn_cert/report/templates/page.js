"use strict";
(function () {
  const data = JSON.parse(document.getElementById("budgets").textContent);

  // The same formula as certified_count in Python: how many right budgets are at least b.
  function certifiedCount(one, b) {
    let number = one.infinite;
    for (const [budget, times] of one.budgets) if (budget >= b) number += times;
    return number;
  }

  // As wording.part in Python has it, in whole numbers.
  function part(number, n) {
    const tenths = Math.floor((2000 * number + n) / (2 * n));
    if (tenths === 0 && number > 0) return "under 0.1 %";
    if (tenths === 1000 && number < n) return "over 99.9 %";
    return Math.floor(tenths / 10) + "." + (tenths % 10) + " %";
  }

  function thousands(number) {
    return String(number).replace(/\B(?=(\d{3})+$)/g, ",");
  }

  function budgetWords(one, b) {
    if (one.unit === "rows") return thousands(b) + (b === 1 ? " row" : " rows");
    return "distance " + b;
  }

  for (const card of document.querySelectorAll("[data-attacker]")) {
    const one = data[Number(card.dataset.attacker)];
    const slider = card.querySelector("input[type=range]");
    const field = card.querySelector("input[type=number]");
    const reading = card.querySelector("output");
    const asked = card.querySelector(".at");
    const chart = card.querySelector("svg");
    const line = chart.querySelector(".cursor");
    const dot = chart.querySelector(".cursor-dot");
    const { left, right, top, bottom, high } = Object.fromEntries(
      Object.entries(chart.dataset).map(([key, value]) => [key, Number(value)])
    );

    function show() {
      const b = Number(slider.value);
      const number = certifiedCount(one, b);
      const share = part(number, one.n) + " (" + thousands(number) + " of " + thousands(one.n) + ")";
      reading.value = share;
      asked.textContent = budgetWords(one, b);
      slider.setAttribute("aria-valuetext", budgetWords(one, b) + ": " + share);
      const x = left + ((right - left) * b) / high;
      line.setAttribute("x1", x);
      line.setAttribute("x2", x);
      dot.setAttribute("cx", x);
      dot.setAttribute("cy", bottom - ((bottom - top) * number) / one.n);
    }

    slider.addEventListener("input", function () {
      field.value = slider.value;
      show();
    });
    field.addEventListener("change", function () {
      // The slider takes the nearest position it has.
      if (field.value !== "") slider.value = field.value;
      field.value = slider.value;
      show();
    });
    slider.setAttribute("aria-valuetext", asked.textContent + ": " + reading.value);
    card.querySelector(".controls").hidden = false;
  }

  let opened = [];
  window.addEventListener("beforeprint", function () {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const one of opened) one.open = true;
  });
  window.addEventListener("afterprint", function () {
    for (const one of opened) one.open = false;
  });
})();
