// A decoder moved by hand.
"use strict";

function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** Numbers from base64 of float32. */
function unpacked(text) {
  return new Float32Array(bytes(text).buffer);
}

const ACTIVATIONS = {
  tanh: Math.tanh,
  relu: (a) => Math.max(a, 0),
  softplus: (a) => Math.max(a, 0) + Math.log1p(Math.exp(-Math.abs(a))),
  sin: Math.sin,
  identity: (a) => a,
};

/** Features of latent values: step by step, as autoencodes/plot/decoder.py writes the steps. */
class Decoder {
  constructor(data) {
    this.data = data;
    this.numbers = unpacked(data.numbers);
  }

  take(shape) {
    const size = shape.reduce((a, b) => a * b, 1);
    this.place += size;
    return this.numbers.subarray(this.place - size, this.place);
  }

  decode(z) {
    const { blocks, out, rotated, link } = this.data;
    this.place = 0;
    let x = Float64Array.from(z);
    for (const block of blocks) {
      x = Float64Array.from(block.from, (k) => (k < 0 ? 0 : x[k]));
      for (let step = 0; step < block.steps; step++) x = this.step(block, x);
    }
    let features = Float64Array.from(out, (k) => (k < 0 ? 0 : x[k]));
    if (link === "sigmoid") features = features.map((a) => 1 / (1 + Math.exp(-a)));
    if (rotated) {
      const [centre, rotation] = [this.take([out.length]), this.take([out.length, out.length])];
      features = sum(centre, times(rotation, features));
    }
    const [shift, scale] = [this.take([out.length]), this.take([out.length])];
    return features.map((a, k) => shift[k] + scale[k] * a);
  }

  /** One step of the control, in sub-steps of the scheme. */
  step(block, x) {
    const { scheme, substeps } = this.data;
    const theta = {};
    for (const [role, shape] of Object.entries(block.arrays)) theta[role] = this.take(shape);
    const h = this.data.step / substeps;
    const at = (slope, share) => velocity(theta, block.activation, slope ? sum(x, slope, share * h) : x);
    for (let k = 0; k < substeps; k++) {
      let slope = at();
      if (scheme === "heun") slope = sum(slope, at(slope, 1)).map((a) => a / 2);
      if (scheme === "rk4") {
        const second = at(slope, 0.5);
        const third = at(second, 0.5);
        const fourth = at(third, 1);
        slope = slope.map((a, i) => (a + 2 * second[i] + 2 * third[i] + fourth[i]) / 6);
      }
      x = sum(x, slope, h);
    }
    return x;
  }
}

function velocity(theta, activation, x) {
  const bend = ACTIVATIONS[activation];
  const { V, b, U, c, A, u, q, v, e } = theta;
  if (u) return x.map((a) => u.reduce((total, slope, k) => total + v[k] * bend(slope * a + q[k]), e[0]));
  let y = V ? times(V, x) : x;
  y = (b ? sum(y, b) : y).map(bend);
  if (U) y = times(U, y);
  if (c) y = sum(y, c);
  return A ? sum(y, times(A, x)) : y;
}

function times(matrix, x) {
  const result = new Float64Array(matrix.length / x.length);
  for (let i = 0, place = 0; i < result.length; i++) {
    for (let j = 0; j < x.length; j++) result[i] += matrix[place++] * x[j];
  }
  return result;
}

function sum(x, y, share = 1) {
  return Float64Array.from(x, (a, k) => a + share * y[k]);
}

/** Features between the points of a grid along one or two axes. */
class Grid {
  constructor({ grid, low, high }) {
    const { greys } = grid;
    const numbers = greys
      ? Float32Array.from(bytes(greys.numbers), (a) => greys.low + (greys.high - greys.low) * a / 255)
      : unpacked(grid.numbers);
    Object.assign(this, grid, { low, high, numbers });
  }

  at(places) {
    let corners = [[0, 1]];
    places.forEach((place, axis) => {
      const along = (place - this.low[axis]) / (this.high[axis] - this.low[axis]) * (this.count - 1);
      const k = Math.min(Math.max(Math.floor(along), 0), this.count - 2);
      corners = corners.flatMap(([index, weight]) => [
        [index * this.count + k, weight * (1 - along + k)],
        [index * this.count + k + 1, weight * (along - k)],
      ]);
    });
    return Float64Array.from({ length: this.size }, (_, j) => (
      corners.reduce((total, [index, weight]) => total + weight * this.numbers[index * this.size + j], 0)));
  }
}

/** What a latent point decodes to: `places` are those along the axes. */
class Latent {
  constructor(data) {
    this.data = data;
    this.decoder = data.decoder ? new Decoder(data.decoder) : new Grid(data);
  }

  features(places) {
    const { decoder, centre, vectors } = this.data;
    if (!decoder) return this.decoder.at(places);
    return this.decoder.decode(centre.map((c, k) => places.reduce((z, a, axis) => z + a * vectors[axis][k], c)));
  }

  /** The columns of a row as people read them. */
  row(features) {
    return this.data.columns.map(({ name, kind, at, levels, whole, clock, low, high }) => {
      let value = at < 0 ? 0 : features[at];
      if (["category", "boolean"].includes(kind)) {
        const own = Array.from(features.slice(at, at + levels.length));
        value = own.indexOf(Math.max(...own));
      }
      if (levels) return { name, text: levels[Math.min(Math.max(Math.round(value), 0), levels.length - 1)] ?? "–" };
      if (kind === "log") value = Math.exp(value);
      const share = high > low ? Math.min(Math.max((value - low) / (high - low), 0), 1) : 0.5;
      if (["date", "cyclic"].includes(kind)) {
        return { name, share, text: new Date(value * 1000).toISOString().replace("T", " ").slice(0, clock ? 16 : 10) };
      }
      return { name, share, text: whole ? Math.round(value).toLocaleString("en").replace("-", "−") : shown(value) };
    });
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
