// A perceptron that learns: utils/networks in plain JavaScript without dependencies, in double precision.
//
// Columns are samples, as everywhere here: what n samples are at a layer is a Float64Array of its rows, n numbers each.
// Everything is inside one function, so that the page can hand its text to a worker, from disk as well as from a server.
function companionTrainer(sampler) {
  "use strict";
  const WIDTH = 64, CLASSES = 10, EPS = 1e-5; // torch's own ε in BN
  const DEAD = 1e-6; // singular values this far below the largest are left out, as in utils/networks/init.py

  // ---------------------------------------------------------------- matrices
  /** A B, of (rows × inner) and (inner × n), inner even: two products per pass cost little more than one. */
  function times(a, b, rows, inner, n) {
    const c = new Float64Array(rows * n);
    for (let i = 0; i < rows; i++) {
      for (let k = 0; k < inner; k += 2) {
        const x = a[i * inner + k], y = a[i * inner + k + 1], from = k * n;
        for (let j = 0, to = i * n; j < n; j++) c[to + j] += x * b[from + j] + y * b[from + n + j];
      }
    }
    return c;
  }

  function transposed(a, rows, columns) {
    const t = new Float64Array(rows * columns);
    for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) t[j * rows + i] = a[i * columns + j];
    return t;
  }

  const sum = (values) => values.reduce((a, b) => a + b, 0);
  const energy = (values) => values.reduce((a, b) => a + b * b, 0);

  // ---------------------------------------------------------------- data, and the order of it
  /** Images as columns, pixels from 0…16 to [−1, 1]. */
  function columns(images) {
    const n = images.length, x = new Float64Array(images[0].length * n);
    images.forEach((image, j) => image.forEach((pixel, i) => (x[i * n + j] = pixel / 8 - 1)));
    return x;
  }

  /** The numbers below n in random order. */
  function shuffled(n, random) {
    const order = Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = Math.floor(random.uniform() * (i + 1));
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  }

  /** Which of the images a step takes: each once per epoch, whatever is left over skipped. Every arm of a seed has the same. */
  function batch(step, { images, size, seed }) {
    const perEpoch = Math.floor(images / size), epoch = Math.floor(step / perEpoch), at = (step % perEpoch) * size;
    return shuffled(images, sampler.generator(seed, 10 + epoch)).slice(at, at + size);
  }

  // ---------------------------------------------------------------- weights at the start
  /**
   * A network of one arm. All arms of a seed share Xavier's first layer and readout; hidden weights are Xavier's
   * ("xavier", "bn"), the identity, a random permutation per layer, or iterative orthogonalization's ("slice").
   */
  function initialized(arm, { depth, seed, images }) {
    const draw = sampler.generator(seed, 1), permute = sampler.generator(seed, 2);
    const xavier = (rows, fanIn) => {
      const bound = Math.sqrt(12 / (rows + fanIn)); // gain √2
      return Float64Array.from({ length: rows * fanIn }, () => bound * (2 * draw.uniform() - 1));
    };
    const weights = [xavier(WIDTH, images[0].length)];
    while (weights.length < depth) weights.push(xavier(WIDTH, WIDTH));
    weights.push(xavier(CLASSES, WIDTH));
    const network = { weights };
    if (arm === "bn") {
      network.gains = Array.from({ length: depth }, () => new Float64Array(WIDTH).fill(1));
      network.biases = Array.from({ length: depth }, () => new Float64Array(WIDTH));
    }
    if (arm === "identity" || arm === "permutation") {
      for (let layer = 1; layer < depth; layer++) {
        const order = arm === "identity" ? [...Array(WIDTH).keys()] : shuffled(WIDTH, permute);
        weights[layer].fill(0);
        order.forEach((from, to) => (weights[layer][to * WIDTH + from] = 1));
      }
    }
    if (arm === "slice") {
      const n = 3 * WIDTH, chosen = shuffled(images.length, sampler.generator(seed, 3)).slice(0, n);
      let h = relu(times(weights[0], columns(chosen.map((i) => images[i])), WIDTH, images[0].length, n));
      for (let layer = 1; layer < depth; layer++) {
        weights[layer] = sliceWeight(h, n);
        h = relu(times(weights[layer], h, WIDTH, WIDTH, n));
      }
    }
    return network;
  }

  /**
   * W ∝ V′ Σ^{−1/2} Uᵀ from H = U Σ Vᵀ, V′ the first rows and columns of V, scaled to ‖WH‖_F = 1 (Eq. 6; "slice" of
   * utils/networks/init.py). V′ = H′ᵀ U Σ^{−1} with H′ the first samples, so that W ∝ H′ᵀ P, P = U Σ^{−3/2} Uᵀ.
   */
  function sliceWeight(h, n) {
    const rows = Array.from({ length: WIDTH }, (_, i) => h.subarray(i * n, (i + 1) * n));
    const scaled = sampler.orthogonalized(sampler.columnsOf(sampler.root(rows), WIDTH)); // the columns of U Σ, Σ² of sum 1
    const sigma = scaled.map((c) => Math.sqrt(energy(c))), least = DEAD * Math.max(...sigma), p = new Float64Array(WIDTH * WIDTH);
    scaled.forEach((c, k) => {
      if (!(sigma[k] > least)) return;
      const power = sigma[k] ** -3.5;
      for (let i = 0; i < WIDTH; i++) for (let j = 0; j < WIDTH; j++) p[i * WIDTH + j] += power * c[i] * c[j];
    });
    const first = Float64Array.from({ length: WIDTH * WIDTH }, (_, at) => rows[at % WIDTH][Math.floor(at / WIDTH)]); // H′ᵀ
    const w = times(first, p, WIDTH, WIDTH, WIDTH), norm = Math.sqrt(energy(times(w, h, WIDTH, WIDTH, n)));
    return w.map((x) => x / norm);
  }

  // ---------------------------------------------------------------- forward and back
  const relu = (z) => z.map((x) => (x > 0 ? x : 0));

  /** What n samples are on their way: `inputs` of each linear map, `before` each activation; for BN what it divides by, and what comes of it. */
  function forward({ weights, gains, biases }, x, n) {
    const inputs = [x], before = [], unit = [], spread = [];
    weights.slice(0, -1).forEach((w, layer) => {
      let z = times(w, inputs[layer], WIDTH, w.length / WIDTH, n);
      if (gains) {
        spread.push(new Float64Array(WIDTH));
        for (let i = 0; i < WIDTH; i++) {
          const row = z.subarray(i * n, (i + 1) * n), mean = sum(row) / n;
          for (let j = 0; j < n; j++) row[j] -= mean;
          spread[layer][i] = Math.sqrt(energy(row) / n + EPS);
          for (let j = 0; j < n; j++) row[j] /= spread[layer][i];
        }
        unit.push(z);
        z = z.map((value, at) => gains[layer][Math.floor(at / n)] * value + biases[layer][Math.floor(at / n)]);
      }
      before.push(z);
      inputs.push(relu(z));
    });
    const logits = times(weights.at(-1), inputs.at(-1), CLASSES, WIDTH, n);
    return { inputs, before, unit, spread, logits };
  }

  /** Mean cross entropy in nats, and its gradient with respect to all that learns. */
  function gradients(network, x, labels) {
    const n = labels.length, { weights, gains } = network, { inputs, before, unit, spread, logits } = forward(network, x, n);
    const found = { loss: 0, weights: [] };
    if (gains) Object.assign(found, { gains: [], biases: [] });
    let back = new Float64Array(CLASSES * n); // the gradient with respect to what a linear map gives
    for (let j = 0; j < n; j++) {
      const column = Array.from({ length: CLASSES }, (_, i) => logits[i * n + j]), largest = Math.max(...column);
      const total = sum(column.map((value) => Math.exp(value - largest)));
      found.loss += (largest + Math.log(total) - column[labels[j]]) / n;
      column.forEach((value, i) => (back[i * n + j] = (Math.exp(value - largest) / total - (i === labels[j])) / n));
    }
    for (let layer = weights.length - 1; layer >= 0; layer--) {
      const rows = back.length / n, fanIn = inputs[layer].length / n;
      if (layer < before.length && gains) back = backThroughBn(back, layer);
      found.weights[layer] = times(back, transposed(inputs[layer], fanIn, n), rows, n, fanIn);
      if (layer === 0) break;
      back = times(transposed(weights[layer], rows, fanIn), back, fanIn, rows, n);
      back = back.map((value, at) => (before[layer - 1][at] > 0 ? value : 0));
    }
    return found;

    function backThroughBn(g, layer) {
      const next = new Float64Array(g.length), gain = new Float64Array(WIDTH), bias = new Float64Array(WIDTH);
      for (let i = 0; i < WIDTH; i++) {
        const from = i * n;
        for (let j = from; j < from + n; j++) {
          bias[i] += g[j];
          gain[i] += g[j] * unit[layer][j];
        }
        const factor = gains[layer][i] / spread[layer][i];
        for (let j = from; j < from + n; j++) next[j] = factor * (g[j] - bias[i] / n - (unit[layer][j] * gain[i]) / n);
      }
      found.gains[layer] = gain;
      found.biases[layer] = bias;
      return next;
    }
  }

  /** One step of plain SGD; returns the loss before it. */
  function step(network, x, labels, rate) {
    const found = gradients(network, x, labels);
    for (const part of ["weights", "gains", "biases"]) {
      (found[part] ?? []).forEach((gradient, layer) => gradient.forEach((g, i) => (network[part][layer][i] -= rate * g)));
    }
    return found.loss;
  }

  // ---------------------------------------------------------------- what is watched
  /** By hidden layer, the gap V after the activation and the share of the energy that passes it; null where there is no number. */
  function measured(network, x, n) {
    const { inputs, before } = forward(network, x, n);
    const passing = before.map((z, layer) => finite(energy(inputs[layer + 1]) / energy(z)));
    return { gap: inputs.slice(1).map((h) => gap(h, n)), passing };
  }

  const finite = (value) => (Number.isFinite(value) ? value : null);

  /** ‖HᵀH/‖H‖² − I/n‖, without an eigenvalue. */
  function gap(h, n) {
    const largest = h.reduce((a, b) => Math.max(a, Math.abs(b)), 0), gram = new Float64Array(n * n);
    for (let row = 0; row < h.length; row += n) {
      for (let i = 0; i < n; i++) {
        const x = h[row + i] / largest;
        for (let j = 0; x !== 0 && j <= i; j++) gram[i * n + j] += (x * h[row + j]) / largest;
      }
    }
    let trace = 0, square = 0;
    for (let i = 0; i < n; i++) trace += gram[i * n + i];
    for (let i = 0; i < n; i++) {
      square += (gram[i * n + i] / trace - 1 / n) ** 2;
      for (let j = 0; j < i; j++) square += 2 * (gram[i * n + j] / trace) ** 2;
    }
    return finite(Math.sqrt(square));
  }

  return { batch, columns, gradients, initialized, measured, shuffled, step };
}
