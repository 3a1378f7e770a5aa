// A button that runs through the layers.
"use strict";

/** Puts a play button before a slider; `go` shows a place from 0 to `last`, which may lie between two. */
function player(range, last, go) {
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const button = document.createElement("button");
  let running = 0;
  const play = (on) => {
    clearInterval(running);
    running = 0;
    button.textContent = on ? "Pause" : "Play";
    if (!on) return;
    let now = Number(range.value) >= last ? 0 : Number(range.value);
    // For whom movement is unpleasant: a layer at a time.
    const [step, wait] = still.matches ? [1, 600] : [last / Math.min(Math.max(0.35 * last, 4), 14) / 25, 40];
    const next = () => {
      go(now);
      if (now >= last) play(false);
      now = Math.min(now + step, last);
    };
    next();
    if (now <= last) running = setInterval(next, wait);
  };
  button.type = "button";
  button.className = "play";
  button.addEventListener("click", () => play(!running));
  range.addEventListener("input", () => play(false));
  range.closest(".vega-bind").prepend(button);
  play(false);
}

for (const film of document.querySelectorAll(".film")) {
  const captions = JSON.parse(film.dataset.captions);
  const range = film.querySelector("input");
  const go = (layer) => {
    range.value = Math.round(layer);
    film.querySelector("img").style.transform = `translateY(${-100 * range.value / captions.length}%)`;
    film.querySelector("output").textContent = captions[range.value];
  };
  range.addEventListener("input", () => go(Number(range.value)));
  player(range, captions.length - 1, go);
  go(0);
}
