// What the theme leaves out for whoever reads by keyboard or by ear.
document.addEventListener("DOMContentLoaded", () => {
  // The arrows that unfold the navigation have no names.
  for (const summary of document.querySelectorAll("nav li > details > summary")) {
    const link = summary.closest("li").querySelector(":scope > a, :scope > p");
    if (!summary.textContent.trim())
      summary.setAttribute("aria-label", `Pages of ${link ? link.textContent.trim() : "this part"}`);
  }
  // Wide tables can be moved sideways by the arrow keys where they are reached by tab.
  const reach = () => {
    for (const table of document.querySelectorAll(".bd-article table, main table, pre"))
      if (table.scrollWidth > table.clientWidth) table.setAttribute("tabindex", "0");
      else if (table.getAttribute("tabindex") === "0") table.removeAttribute("tabindex");
  };
  reach();
  addEventListener("resize", reach);
  addEventListener("load", reach);
});
