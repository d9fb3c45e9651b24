"use strict";
/* Figures that say what is pointed at, with a pointer or with the arrow keys.

   `begin(data, shared)` gets the data of a figure, and those of all figures beside it, and returns
   at(x, y): the item at a place of the SVG, or null; step(item, across, down): the next one, null for
   none; words(item); and box(item): [x, y, width, height], in units of the SVG. */
function pointing(kind, begin) {
  for (const place of document.querySelectorAll(`.pointed[data-kind="${kind}"]`)) {
    const svg = place.querySelector("svg");
    const around = place.closest(".telling");
    const shared = around.querySelector("script.shared");
    const figure = begin(
      JSON.parse(place.nextElementSibling.textContent),
      shared && JSON.parse(shared.textContent),
    );
    const told = around.querySelector(".told");
    const here = document.createElement("span");
    here.className = `here ${kind}`;
    here.hidden = true;
    place.append(here);
    let item = null;

    function show(next) {
      if (next === null || next === item) return;
      item = next;
      told.textContent = figure.words(item);
      put();
    }
    function put() {
      if (item === null) return;
      const [x, y, width, height] = figure.box(item);
      const drawn = svg.getBoundingClientRect(), outer = place.getBoundingClientRect();
      const scale = drawn.width / svg.viewBox.baseVal.width;
      const left = drawn.left - outer.left + place.scrollLeft, top = drawn.top - outer.top;
      here.style.cssText = `left:${left + x * scale}px;top:${top + y * scale}px;`
        + `width:${width * scale}px;height:${height * scale}px`;
      here.hidden = false;
    }
    function point(event) {
      const drawn = svg.getBoundingClientRect();
      const scale = drawn.width / svg.viewBox.baseVal.width;
      show(figure.at((event.clientX - drawn.left) / scale, (event.clientY - drawn.top) / scale));
    }
    place.addEventListener("pointermove", point);
    place.addEventListener("pointerdown", point);
    place.addEventListener("keydown", (event) => {
      const steps = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
      if (!(event.key in steps)) return;
      event.preventDefault();
      show(figure.step(item, ...steps[event.key]));
    });
    new ResizeObserver(put).observe(svg);
  }
}
