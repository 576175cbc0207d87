"use strict";

// The patch of the point under the pointer, or of the one that the keyboard is at
for (const plot of document.querySelectorAll(".scatter")) {
  const points = [...plot.querySelectorAll("[data-patch]")];
  const [picture, words] = [plot.querySelector("img"), plot.querySelector("figcaption")];
  const pictures = JSON.parse(plot.querySelector("script").textContent);

  function show(point) {
    plot.querySelector(".shown")?.classList.remove("shown");
    point.classList.add("shown");
    picture.src = pictures[point.dataset.patch];
    picture.alt = words.textContent = point.getAttribute("aria-label");
  }

  // One stop of the tabulator key; the arrow keys go to the next point that way
  function step(from, [right, down]) {
    const [x, y] = [from.dataset.x, from.dataset.y].map(Number);
    const cost = point => {
      const [across, up] = [point.dataset.x - x, point.dataset.y - y];
      const along = across * right + up * down;
      return along > 0 ? along + 2 * Math.abs(across * down + up * right) : Infinity;
    };
    const next = points.reduce((best, point) => cost(point) < cost(best) ? point : best);
    if (cost(next) < Infinity) next.focus();
  }

  const ways = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
  for (const point of points) {
    point.addEventListener("pointerenter", () => show(point));
    point.addEventListener("focus", () => {
      for (const other of points) other.tabIndex = -1;
      point.tabIndex = 0;
      show(point);
    });
    point.addEventListener("keydown", event => {
      if (!(event.key in ways)) return;
      event.preventDefault();
      step(point, ways[event.key]);
    });
  }
  show(points[0]);
}
