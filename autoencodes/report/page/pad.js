// The explorer: a pad and sliders that move latent values, and what they decode to.
"use strict";
(() => {
  const SIZE = 200, EDGE = 8, NEAR = 7;

  class Explorer {
    constructor(section) {
      const find = (selector) => section.querySelector(selector);
      this.latent = new Latent(JSON.parse(find("script").textContent));
      this.data = this.latent.data;
      this.places = [...this.data.start];
      [this.pad, this.canvas, this.body] = [find(".pad"), find("canvas"), find("tbody")];
      this.inputs = [...section.querySelectorAll("input")];
      this.inputs.forEach((input, axis) => input.addEventListener("input", () => {
        this.places[axis] = Number(input.value);
        this.draw();
      }));
      find(".start").addEventListener("click", () => this.go(this.data.start));
      if (this.pad) this.listen();
      this.draw();
    }

    /** On the pad: a place, or the row whose mark is near. */
    listen() {
      const move = (event) => {
        if (event.type === "pointermove" && !event.buttons) return;
        const frame = this.pad.getBoundingClientRect();
        const [x, y] = [event.clientX - frame.left, event.clientY - frame.top].map((a) => a / frame.width * SIZE);
        const near = this.data.codes.find((code) => Math.hypot(this.along(0, code[0]) - x, SIZE - this.along(1, code[1]) - y) < NEAR / 2);
        if (near && event.type === "pointerdown") this.go(near);
        else this.go([this.back(0, x), this.back(1, SIZE - y), ...this.places.slice(2)]);
      };
      for (const name of ["pointerdown", "pointermove"]) this.pad.addEventListener(name, move);
    }

    along(axis, place) {
      const { low, high } = this.data;
      return EDGE + (place - low[axis]) / (high[axis] - low[axis]) * (SIZE - 2 * EDGE);
    }

    back(axis, pixel) {
      const { low, high } = this.data;
      const share = Math.min(Math.max((pixel - EDGE) / (SIZE - 2 * EDGE), 0), 1);
      return low[axis] + share * (high[axis] - low[axis]);
    }

    go(places) {
      this.places = [...places];
      this.draw();
    }

    draw() {
      this.inputs.forEach((input, axis) => {
        input.value = this.places[axis];
        input.parentNode.querySelector("output").textContent = shown(this.places[axis]);
      });
      if (this.pad) {
        const [x, y] = [this.along(0, this.places[0]), SIZE - this.along(1, this.places[1])];
        this.pad.querySelector(".here").setAttribute("transform", `translate(${x} ${y})`);
      }
      const features = this.latent.features(this.places);
      if (this.canvas) this.paint(features);
      else this.latent.row(features).forEach(({ text, share }, k) => {
        const [, value, bar] = this.body.rows[k].cells;
        value.textContent = text;
        if (share !== undefined) bar.firstChild.style.setProperty("--at", share.toFixed(3));
      });
    }

    paint(features) {
      const { shape: [height, width, colours = 1], black, white } = this.data;
      const context = this.canvas.getContext("2d");
      const image = context.createImageData(width, height);
      for (let k = 0; k < width * height; k++) {
        for (let c = 0; c < 3; c++) {
          image.data[4 * k + c] = (features[k * colours + c % colours] - black) / (white - black) * 255;
        }
        image.data[4 * k + 3] = 255;
      }
      context.putImageData(image, 0, 0);
    }
  }

  for (const section of document.querySelectorAll(".explorer")) new Explorer(section);

  // Of several planes through one latent space the one that is chosen.
  const which = document.querySelector(".which");
  const heed = () => {
    for (const { value } of which.options) document.getElementById(value).hidden = value !== which.value;
  };
  which?.addEventListener("change", heed);
  if (which) heed();
})();
