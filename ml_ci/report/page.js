/* Tables that can be sorted and filtered. The page is whole without this. */
"use strict";
(() => {
  const NUMBER = /[-+]?(?:\d[\d,]*)(?:\.\d+)?(?:e[-+]?\d+)?/i;
  const words = new Intl.Collator("en", {numeric: true, sensitivity: "base"});

  /* What a cell is worth in a column of numbers; NaN where it has none, so that it goes last. */
  const number = text => {
    const plain = text.replaceAll("\u2212", "-").replaceAll("\u00a0", " ").trim();
    if (plain === "=") return 0;
    if (/^[-+]?Infinity/.test(plain)) return plain[0] === "-" ? -Infinity : Infinity;
    const found = plain.match(NUMBER);
    return found ? Number(found[0].replaceAll(",", "")) : NaN;
  };

  const order = (table, column, numeric, falling) => {
    const key = row => {
      const text = row.cells[column].textContent.trim();
      return numeric ? number(text) : text;
    };
    const isNothing = value => numeric ? Number.isNaN(value) : value === "" || value === "\u2014";
    const body = table.tBodies[0];
    const rows = Array.from(body.rows, row => [key(row), row]);
    rows.sort(([a], [b]) => {
      if (isNothing(a) || isNothing(b)) return isNothing(a) - isNothing(b);
      const compared = numeric ? (a > b) - (a < b) : words.compare(a, b);
      return falling ? -compared : compared;
    });
    body.append(...rows.map(([, row]) => row));
  };

  const sortable = table => {
    const heads = Array.from(table.tHead.rows[0].cells);
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const falling = head.getAttribute("aria-sort") === "ascending";
        heads.forEach(other => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", falling ? "descending" : "ascending");
        order(table, column, head.classList.contains("n") || head.dataset.sort === "n", falling);
      });
    });
  };

  const filterable = table => {
    const input = document.createElement("input");
    input.type = "search";
    input.placeholder = "Filter by name";
    input.setAttribute("aria-label", "Filter the rows of this table");
    table.parentElement.before(input);
    input.addEventListener("input", () => {
      const wanted = input.value.toLowerCase();
      for (const row of table.tBodies[0].rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
    });
  };

  document.documentElement.classList.add("scripted");
  for (const table of document.querySelectorAll(".result table, table.models")) {
    if (!table.tHead || table.closest(".own") || table.tBodies[0].rows.length < 2) continue;
    sortable(table);
    if (table.tBodies[0].rows.length > 30) filterable(table);
  }
  for (const place of document.querySelectorAll(".scroll")) place.tabIndex = 0;

  /* A link to a model opens it. */
  const open = () => {
    const target = document.getElementById(location.hash.slice(1))?.closest("details");
    if (target) target.open = true;
  };
  addEventListener("hashchange", open);
  open();
})();
