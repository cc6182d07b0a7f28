// What the worker does: all runs go down together, layer by layer, and what is new is posted at most 30 times a second.
// A new setting does not reach this code: the page ends the worker and starts another.
function companionWorker(sampler, post) {
  "use strict";
  const EVERY = 33; // milliseconds between two messages

  /**
   * @param {object} setting
   *   n, width, depth, runs, seed; centered: boolean; columns: the batch, one array a sample.
   * Posts {theory} once, then {layers, share} repeatedly: new layers, and the share of the present one that is done. With BN a
   * layer has the eigenvalues too, relative to an orthogonal batch's.
   */
  return function run({ n, width, depth, runs, seed, centered, columns }) {
    const batch = sampler.root(columns);
    const dimensions = centered ? n - 1 : n;
    const first = centered ? sampler.root(sampler.centered(columns)) : batch;

    // Gap and least eigenvalue relative to an orthogonal batch's.
    const measure = (lam, size) => ({ gap: sampler.gap(lam, n), least: lam[lam.length - 1] * size });

    let lam = sampler.spectrum(first, dimensions);
    const theory = [];
    for (let layer = 0; layer <= depth; layer++) {
      theory.push(measure(lam, dimensions));
      lam = sampler.infiniteWidthMap(lam);
    }
    post({ theory });

    let roots = Array(runs).fill(first), plain = Array(runs).fill(batch);
    const withBn = sampler.generator(seed, 1), without = sampler.generator(seed, 2);
    let layers = [], last = performance.now();
    const send = (share) => {
      post({ layers, share });
      layers = [];
      last = performance.now();
    };
    const measured = () => ({
      bn: roots.map((l) => {
        const lam = sampler.spectrum(l, dimensions);
        return { ...measure(lam, dimensions), lam: Float32Array.from(lam, (x) => x * dimensions) };
      }),
      vanilla: plain.map((l) => ({ gap: sampler.gapOf(l, n) })),
    });
    layers.push(measured());
    for (let layer = 1; layer <= depth; layer++) {
      roots = roots.map((l, run) =>
        sampler.bnLayer(l, dimensions, width, withBn, (rows) => {
          if (performance.now() - last > EVERY) send((run + rows / width) / runs);
        }),
      );
      plain = plain.map((l) => sampler.vanillaLayer(l, n, width, without));
      layers.push(measured());
      if (performance.now() - last > EVERY) send(0);
    }
    if (layers.length) send(0);
  };
}
