// Particles at a moment. A moment is counted in layers: 7.5 lies between layer 7 and layer 8.
"use strict";

class Scene {
  /** `states` holds a list for each layer, particle after particle. */
  constructor(data) {
    this.data = data;
    this.last = data.times.length - 1;
    this.width = data.components.length;
  }

  coordinate(layer, particle, component) {
    return this.data.states[layer][particle * this.width + component];
  }

  /** A coordinate between two layers, on a straight line. */
  at(moment, particle, component) {
    const layer = Math.min(Math.floor(moment), this.last - 1);
    const share = moment - layer;
    return (1 - share) * this.coordinate(layer, particle, component)
      + share * this.coordinate(layer + 1, particle, component);
  }

  isOn(moment, component) {
    return this.data.on[Math.ceil(moment)][component] === "1";
  }

  time(moment) {
    const layer = Math.min(Math.floor(moment), this.last - 1);
    const [a, b] = [this.data.times[layer], this.data.times[layer + 1]];
    return a + (moment - layer) * (b - a);
  }

  /** The moment at which the clock shows a time. */
  momentOf(time) {
    const { times } = this.data;
    if (time >= times[this.last]) return this.last;
    const after = Math.max(1, times.findIndex((t) => t > time));
    const share = (time - times[after - 1]) / (times[after] - times[after - 1]);
    return Math.max(0, after - 1 + share);
  }

  /** The least and greatest value of a component at any layer, and of its targets. */
  span(component) {
    let [low, high] = [Infinity, -Infinity];
    const see = (value) => { low = Math.min(low, value); high = Math.max(high, value); };
    for (const layer of this.data.states) {
      for (let k = component; k < layer.length; k += this.width) see(layer[k]);
    }
    for (const place of this.data.targets) see(place[component]);
    return high > low ? [low, high] : [low - 1, high + 1];
  }

  /** What is known of a particle, line by line. */
  words(moment, particle) {
    const { name } = this.data.classes[this.data.members[particle]];
    const places = this.data.components.map((component, k) => (
      this.isOn(moment, k)
        ? `${component} = ${shown(this.at(moment, particle, k))}`
        : `${component} is off`
    ));
    return [`particle ${particle + 1}`, ...(name ? [`class ${name}`] : []), ...places];
  }
}

/** A number as `number` of autoencodes/summary.py writes it. */
function shown(value) {
  const size = Math.abs(value);
  let text;
  if (!size || (size >= 1e-3 && size < 999.5)) text = String(Number(value.toPrecision(3)));
  else if (size >= 999.5 && size < 1e5) text = Math.round(value).toLocaleString("en");
  else {
    const [mantissa, power] = value.toExponential(2).split("e");
    text = `${Number(mantissa)}×10${[...String(Number(power))].map((c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]).join("")}`;
  }
  return text.replaceAll("-", "−");
}

/** Values at 1, 2 or 5 times a power of ten, some `count` of them, each with its label. */
function ticks(low, high, count) {
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((k) => k * power).find((s) => s >= raw);
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const plain = step > 1e-4 && Math.max(Math.abs(low), Math.abs(high)) < 1e5;
  const found = [];
  for (let k = Math.ceil(low / step); k * step <= high; k++) {
    const value = k * step;
    found.push([value, plain ? value.toFixed(decimals).replace("-", "−") : shown(value)]);
  }
  return found;
}
