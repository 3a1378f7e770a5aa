// Flows with a slider, drawn from their scenes.
"use strict";
(() => {
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const REACH = 18;
  const THUMB = 8;
  const LABELS = 52;

  // The namespace comes from the page: no address has to stand here.
  function make(parent, tag, attributes = {}) {
    const node = document.createElementNS(parent.namespaceURI, tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    return parent.appendChild(node);
  }

  class Flow {
    constructor(section) {
      const find = (selector) => section.querySelector(selector);
      this.section = section;
      this.scene = new Scene(JSON.parse(find("script").textContent));
      this.data = this.scene.data;
      this.last = this.scene.last;
      this.count = this.data.members.length;
      this.line = this.data.components.length === 1;
      this.parts = {};
      for (const name of ["plane", "tip", "layers", "play", "across", "up", "said"]) {
        this.parts[name] = find("." + name);
      }
      this.parts.range = find("input");
      this.parts.readout = find("output");
      this.now = 0;
      this.chosen = -1;
      this.running = 0;
      [this.i, this.j] = this.line ? [0, 0] : this.data.plane;
      this.choices();
      this.listen();
      this.layout();
    }

    /* The frame, drawn anew when the page's width or the plane changes */

    layout() {
      const { plane } = this.parts;
      const wide = Math.max(plane.clientWidth || 640, 200);
      const box = { left: LABELS, right: wide - THUMB, top: 8 };
      this.scales(box, wide);
      plane.setAttribute("viewBox", `0 0 ${wide} ${box.bottom + 42}`);
      plane.setAttribute("height", box.bottom + 42);
      plane.replaceChildren();
      this.box = box;
      this.frame();
      this.fill();
      this.strip(wide);
      this.draw();
    }

    /** Both components in one scale, in a window that holds all layers; or one over time. */
    scales(box, wide) {
      const inner = box.right - box.left;
      let [y0, y1] = this.scene.span(this.j);
      if (this.line) {
        const tall = Math.min(0.6 * inner, 320);
        box.bottom = box.top + tall;
        [y0, y1] = [y0 - 0.05 * (y1 - y0), y1 + 0.05 * (y1 - y0)];
        this.window = { x0: 0, x1: this.last, y0, y1 };
      } else {
        let [x0, x1] = this.scene.span(this.i);
        const least = wide < 500 ? 0.7 : 0.5;
        const [dx, dy] = [1.06 * (x1 - x0), 1.06 * (y1 - y0)];
        const ratio = Math.min(Math.max(dy / dx, least), wide < 500 ? 1.1 : 0.72);
        const unit = Math.max(dx / inner, dy / (inner * ratio));
        box.bottom = box.top + inner * ratio;
        const [mx, my] = [(x0 + x1) / 2, (y0 + y1) / 2];
        const [hx, hy] = [unit * inner / 2, unit * inner * ratio / 2];
        this.window = { x0: mx - hx, x1: mx + hx, y0: my - hy, y1: my + hy };
      }
      const w = this.window;
      this.x = (value) => box.left + (value - w.x0) / (w.x1 - w.x0) * inner;
      this.y = (value) => box.bottom - (value - w.y0) / (w.y1 - w.y0) * (box.bottom - box.top);
    }

    frame() {
      const { left, right, top, bottom } = this.box;
      const { plane } = this.parts;
      const w = this.window;
      if (w.y0 < 0 && w.y1 > 0) make(plane, "path", { class: "origin", d: `M${left} ${this.y(0)}H${right}` });
      if (w.x0 < 0 && w.x1 > 0) make(plane, "path", { class: "origin", d: `M${this.x(0)} ${top}V${bottom}` });
      const across = make(plane, "g", { class: "axis" });
      make(across, "path", { d: `M${left} ${bottom}H${right}` });
      for (const [value, label] of ticks(w.x0, w.x1, (right - left) / 90)) {
        if (this.line && value % 1) continue;
        make(across, "path", { d: `M${this.x(value)} ${bottom}v4` });
        make(across, "text", { x: this.x(value), y: bottom + 17, "text-anchor": "middle" }).textContent = label;
      }
      const up = make(plane, "g", { class: "axis" });
      make(up, "path", { d: `M${left} ${top}V${bottom}` });
      for (const [value, label] of ticks(w.y0, w.y1, (bottom - top) / 60)) {
        make(up, "path", { d: `M${left} ${this.y(value)}h-4` });
        make(up, "text", { x: left - 8, y: this.y(value) + 4, "text-anchor": "end" }).textContent = label;
      }
      const middle = (top + bottom) / 2;
      make(across, "text", { class: "name", x: (left + right) / 2, y: bottom + 36, "text-anchor": "middle" });
      make(up, "text", {
        class: "name", x: 0, y: 0, "text-anchor": "middle",
        transform: `translate(11 ${middle}) rotate(-90)`,
      });
      this.axes = [across, up];
    }

    fill() {
      const { plane } = this.parts;
      const classOf = (k) => this.data.classes[this.data.members[k]];
      this.paths = make(plane, "g", { class: "paths" });
      if (this.line) {
        for (let k = 0; k < this.count; k++) make(this.paths, "path", { d: this.route(k), stroke: classOf(k).colour });
        this.cursor = make(plane, "path", { class: "now" });
      }
      const many = this.data.targets.length > 24;
      const targets = make(plane, "g", { class: many ? "targets many" : "targets" });
      const marks = make(plane, "g", { class: "marks" });
      const radius = this.count > 150 ? 3.4 : 4.2;
      this.marks = Array.from({ length: this.count }, (_, k) => {
        const { colour, marker } = classOf(k);
        const look = { class: "mark", fill: colour, "data-particle": k };
        return marker === "^"
          ? make(marks, "path", { ...look, d: `M0 ${-radius * 1.25}L${radius * 1.15} ${radius}H${-radius * 1.15}z` })
          : make(marks, "circle", { ...look, r: radius });
      });
      // Few targets stand above the particles that reach them.
      if (!many) plane.appendChild(targets);
      for (const place of this.data.targets) {
        const x = this.line ? this.box.right : this.x(place[this.i]);
        const arm = many ? 2.5 : 4.5;
        make(targets, "path", {
          class: "target",
          d: `M${x - arm} ${this.y(place[this.j]) - arm}l${2 * arm} ${2 * arm}m0 ${-2 * arm}l${-2 * arm} ${2 * arm}`,
        });
      }
      this.focus = make(plane, "g");
    }

    /** The path of a particle through all layers. */
    route(k) {
      return this.stops(k).map(([x, y], layer) => `${layer ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
    }

    stops(k) {
      return this.data.states.map((_, layer) => [
        this.x(this.line ? layer : this.scene.coordinate(layer, k, this.i)),
        this.y(this.scene.coordinate(layer, k, this.j)),
      ]);
    }

    /** The architecture in miniature: a cell for every component and step, or bars if there are many. */
    strip(wide) {
      const { layers, range } = this.parts;
      const { rows, grid, widths, dim } = this.data;
      // As wide as the way of the slider's thumb.
      const [left, right] = [range.offsetLeft - layers.parentNode.offsetLeft + THUMB, wide - THUMB];
      const pace = (right - left) / this.last;
      const row = rows ? (rows.length > 8 ? 9 : 14) : 0;
      const tall = rows ? rows.length * row : 44;
      layers.replaceChildren();
      layers.setAttribute("viewBox", `0 0 ${wide} ${tall + 4}`);
      layers.setAttribute("height", tall + 4);
      const cell = (look, from, to, y, height) => {
        const gap = Math.min(1, 0.1 * pace);
        make(layers, "rect", {
          class: look, x: left + from * pace + gap, y: y + 2,
          width: Math.max((to - from) * pace - 2 * gap, 0.5), height,
        });
      };
      for (const [from, to] of this.runs(pace)) {
        if (rows) rows.forEach((_, k) => cell(grid[from][k] === "1" ? "on" : "", from, to, k * row + 1, row - 3));
        else {
          cell("ghost", from, to, 0, tall);
          const share = tall * widths[from] / dim;
          cell("on", from, to, (tall - share) / 2, Math.max(share, 1));
        }
      }
      const every = row < 12 ? 2 : 1;
      const names = rows ? rows.map((name, k) => [name, (k + 0.5) * row + 5]) : [["width", tall / 2 + 5]];
      names.forEach(([name, y], k) => {
        if (k % every === 0) make(layers, "text", { x: left - THUMB, y, "text-anchor": "end" }).textContent = name;
      });
      this.hand = make(layers, "path", { class: "now", d: `M0 0v${tall + 4}` });
      this.handAt = (layer) => left + layer * pace;
    }

    /** Steps one by one while they can be told apart, else those that are alike together. */
    runs(pace) {
      const alike = (a, b) => (this.data.grid ? this.data.grid[a] === this.data.grid[b] : this.data.widths[a] === this.data.widths[b]);
      const found = [];
      for (let k = 0; k < this.last; k++) {
        if (pace < 8 && k && alike(k, k - 1)) found.at(-1)[1] = k + 1;
        else found.push([k, k + 1]);
      }
      return found;
    }

    /* The moment */

    draw() {
      this.marks.forEach((mark, k) => {
        const x = this.x(this.line ? this.now : this.scene.at(this.now, k, this.i)).toFixed(2);
        const y = this.y(this.scene.at(this.now, k, this.j)).toFixed(2);
        if (mark.localName === "circle") {
          mark.setAttribute("cx", x);
          mark.setAttribute("cy", y);
        } else mark.setAttribute("transform", `translate(${x} ${y})`);
      });
      const named = this.line ? [[1, this.j]] : [[0, this.i], [1, this.j]];
      for (const [k, component] of named) {
        const on = this.scene.isOn(this.now, component);
        const name = this.data.components[component];
        this.axes[k].classList.toggle("off", !on);
        this.axes[k].querySelector(".name").textContent = on ? name : `${name} is off`;
      }
      if (this.line) {
        this.axes[0].querySelector(".name").textContent = "layer";
        this.cursor.setAttribute("d", `M${this.x(this.now)} ${this.box.top}V${this.box.bottom}`);
      }
      this.hand.setAttribute("transform", `translate(${this.handAt(this.now)} 0)`);
      this.read();
      this.point();
    }

    read() {
      const { range, readout } = this.parts;
      const pace = this.data.times[this.last] / this.last;
      const decimals = Math.min(6, Math.max(1, Math.ceil(-Math.log10(pace / 10) - 1e-9)));
      const layer = Number(this.now.toFixed(1));
      readout.textContent = `layer ${layer} of ${this.last}, t = ${this.scene.time(this.now).toFixed(decimals)}`;
      range.value = this.now;
      range.setAttribute("aria-valuetext", readout.textContent);
    }

    go(layer) {
      this.now = Math.min(Math.max(layer, 0), this.last);
      this.draw();
    }

    /* One particle */

    choose(particle, aloud = false) {
      if (particle === this.chosen) return;
      this.chosen = particle;
      this.focus.replaceChildren();
      this.parts.plane.classList.toggle("chosen", particle >= 0);
      if (particle >= 0) {
        const { colour } = this.data.classes[this.data.members[particle]];
        make(this.focus, "path", { class: "trail", d: this.route(particle), stroke: colour });
        for (const [cx, cy] of this.stops(particle)) make(this.focus, "circle", { class: "stop", cx, cy, r: 1.8, fill: colour });
        make(this.focus, "circle", { class: "spot", r: 4.5, fill: colour });
        make(this.focus, "circle", { class: "ring", r: 6 });
      }
      this.point();
      const words = aloud && particle >= 0 ? this.scene.words(this.now, particle) : [];
      this.parts.said.textContent = words.join(", ");
    }

    point() {
      const { tip, plane } = this.parts;
      tip.hidden = this.chosen < 0;
      if (tip.hidden) return;
      const x = this.x(this.line ? this.now : this.scene.at(this.now, this.chosen, this.i));
      const y = this.y(this.scene.at(this.now, this.chosen, this.j));
      for (const ring of this.focus.querySelectorAll(".ring, .spot")) {
        ring.setAttribute("cx", x);
        ring.setAttribute("cy", y);
      }
      tip.replaceChildren(...this.scene.words(this.now, this.chosen).map((line, k) => {
        const node = document.createElement(k ? "span" : "b");
        node.textContent = line;
        return node;
      }));
      const right = x + 14 + tip.offsetWidth < plane.clientWidth;
      const down = Math.min(y + 10, this.box.bottom - tip.offsetHeight);
      tip.style.transform = `translate(${right ? x + 14 : Math.max(0, x - 14 - tip.offsetWidth)}px, ${Math.max(0, down)}px)`;
    }

    nearest(event) {
      const frame = this.parts.plane.getBoundingClientRect();
      const [px, py] = [event.clientX - frame.left, event.clientY - frame.top];
      let [best, found] = [REACH * REACH, -1];
      for (let k = 0; k < this.count; k++) {
        const dx = this.x(this.line ? this.now : this.scene.at(this.now, k, this.i)) - px;
        const dy = this.y(this.scene.at(this.now, k, this.j)) - py;
        if (dx * dx + dy * dy < best) [best, found] = [dx * dx + dy * dy, k];
      }
      return found;
    }

    /* Playing */

    play(on) {
      cancelAnimationFrame(this.running);
      clearTimeout(this.waiting);
      this.running = this.waiting = 0;
      this.playing = on;
      const { play } = this.parts;
      play.setAttribute("aria-label", on ? "Pause" : "Play");
      play.title = `${on ? "Pause" : "Play"} (space)`;
      play.querySelector("path").setAttribute("d", on ? "M3.5 2.5h3v11h-3zM9.5 2.5h3v11h-3z" : "M4 2.5v11l9-5.5z");
      if (!on) return;
      if (this.now >= this.last) this.go(0);
      if (still.matches) this.stride();
      else this.roll(performance.now());
    }

    roll(before) {
      const pace = this.last / Math.min(Math.max(0.35 * this.last, 4), 14);
      this.running = requestAnimationFrame((now) => {
        this.go(this.now + Math.min(now - before, 100) / 1000 * pace);
        if (this.now < this.last) this.roll(now);
        else this.play(false);
      });
    }

    /** For whom movement is unpleasant: a layer at a time. */
    stride() {
      this.waiting = setTimeout(() => {
        this.go(Math.floor(this.now + 1));
        if (this.now < this.last) this.stride();
        else this.play(false);
      }, 600);
    }

    /* What the reader does */

    choices() {
      for (const [name, index] of [["across", this.i], ["up", this.j]]) {
        const select = this.parts[name];
        this.data.components.forEach((component, k) => select.add(new Option(component, k)));
        select.value = index;
        select.addEventListener("change", () => {
          this.i = Number(this.parts.across.value);
          this.j = Number(this.parts.up.value);
          this.choose(-1);
          this.layout();
        });
      }
    }

    listen() {
      const { plane, range, play } = this.parts;
      play.addEventListener("click", () => this.play(!this.playing));
      range.addEventListener("input", () => {
        this.play(false);
        this.go(Number(range.value));
      });
      range.addEventListener("keydown", (event) => {
        const forward = ["ArrowRight", "ArrowUp"].includes(event.key);
        if (!forward && !["ArrowLeft", "ArrowDown"].includes(event.key)) return;
        event.preventDefault();
        this.play(false);
        this.go(forward ? Math.floor(this.now + 1 + 1e-6) : Math.ceil(this.now - 1 - 1e-6));
      });
      plane.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
        if (event.key === "Escape") this.choose(-1);
        if (!step) return;
        event.preventDefault();
        this.choose(this.chosen < 0 ? 0 : (this.chosen + step + this.count) % this.count, true);
      });
      this.section.addEventListener("keydown", (event) => {
        if (event.key !== " " || ![plane, range].includes(event.target)) return;
        event.preventDefault();
        this.play(!this.playing);
      });
      for (const name of ["pointermove", "pointerdown"]) {
        plane.addEventListener(name, (event) => this.choose(this.nearest(event)));
      }
      plane.addEventListener("pointerleave", (event) => {
        if (event.pointerType === "mouse") this.choose(-1);
      });
      plane.addEventListener("blur", () => this.choose(-1));
    }
  }

  const flows = [...document.querySelectorAll(".flow")].map((section) => new Flow(section));

  /** `#t=7.5` in the address sets every slider to that time. */
  function heed() {
    const found = /^#t=(\d+(?:\.\d+)?)$/.exec(location.hash);
    if (found) for (const flow of flows) flow.go(flow.scene.momentOf(Number(found[1])));
  }

  let seen = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === seen) return;
    seen = innerWidth;
    for (const flow of flows) {
      flow.choose(-1);
      flow.layout();
    }
  });
  addEventListener("hashchange", heed);
  heed();
})();
