
"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = head.querySelector("button");
    button.addEventListener("click", () => {
      const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
      const compare = button.dataset.numeric
        ? (a, b) => sign * (Number(a) - Number(b))
        : (a, b) => sign * a.localeCompare(b, undefined, { numeric: true });
      const value = row => row.cells[column].dataset.value;
      const rows = [...body.rows];
      const missing = rows.filter(row => value(row) === "");
      const known = rows.filter(row => value(row) !== "").sort((a, b) => compare(value(a), value(b)));
      body.append(...known, ...missing);
    });
  });
}
