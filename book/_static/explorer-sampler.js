// The exact sampler of utils/chains/linear.py and the curves of utils/theory, in plain JavaScript without dependencies.
//
// Given a batch with Gram matrix C = L Lᵀ (L lower triangular, n×n), the rows of W H are independent x = L w with
// w ~ N(0, I). One layer with batch normalization is therefore C' = L A Lᵀ, A = (1/d) Σ w wᵀ/|x|² over d rows, and
// L' = L chol(A). No d×d matrix is built, and carrying L keeps the small eigenvalues to full relative accuracy.
//
// Everything is inside one function, so that the page can hand its text to a worker, from disk as well as from a server.
function companionSampler() {
  "use strict";

  // ---------------------------------------------------------------- random numbers
  // Uniform: sfc32 (PractRand's small fast counting generator). Normal: the ziggurat as in Doornik (2005), with
  // 52 bits behind each variate, for batches within 1e-6 of rank one see the low ones.
  const R = 3.442619855899; // where the tail begins, for 128 layers of equal area
  const AREA = 9.91256303526217e-3;
  const edge = new Float64Array(129);
  const ratio = new Float64Array(128);
  edge[0] = AREA / Math.exp(-R * R / 2);
  edge[1] = R;
  for (let i = 2; i < 128; i++) {
    edge[i] = Math.sqrt(-2 * Math.log(AREA / edge[i - 1] + Math.exp(-(edge[i - 1] ** 2) / 2)));
  }
  for (let i = 0; i < 128; i++) ratio[i] = edge[i + 1] / edge[i];

  /** Generator of one stream; different (seed, stream) give unrelated ones. */
  function generator(seed, stream = 0) {
    let a = seed | 0, b = stream | 0, c = 0x9e3779b9 | 0, count = 1;
    function bits() {
      const t = (a + b + count) | 0;
      count = (count + 1) | 0;
      a = b ^ (b >>> 9);
      b = (c + (c << 3)) | 0;
      c = ((c << 21) | (c >>> 11)) + t | 0;
      return t;
    }
    for (let i = 0; i < 20; i++) bits(); // mixes the seed

    const uniform = () => ((bits() >>> 0) + 0.5) / 4294967296;

    function normal() {
      for (;;) {
        const high = bits() >>> 0, low = bits() >>> 0;
        const u = (high + ((low >>> 12) + 0.5) / 1048576) / 2147483648 - 1; // in (−1, 1)
        const i = low & 127;
        if (Math.abs(u) < ratio[i]) return u * edge[i];
        if (i === 0) return u < 0 ? -tail() : tail();
        const x = u * edge[i];
        const above = Math.exp((x * x - edge[i] ** 2) / 2), below = Math.exp((x * x - edge[i + 1] ** 2) / 2);
        if (below + uniform() * (above - below) < 1) return x;
      }
    }
    function tail() {
      for (;;) {
        const x = -Math.log(uniform()) / R, y = -Math.log(uniform());
        if (2 * y > x * x) return R + x;
      }
    }
    /** Gamma of any positive shape, scale 1 (Marsaglia and Tsang, 2000). */
    function gamma(shape) {
      if (shape < 1) return gamma(shape + 1) * uniform() ** (1 / shape);
      const m = shape - 1 / 3, s = 1 / Math.sqrt(9 * m);
      for (;;) {
        const z = normal(), v = (1 + s * z) ** 3;
        if (v > 0 && Math.log(uniform()) < z * z / 2 + m * (1 - v + Math.log(v))) return m * v;
      }
    }
    return { uniform, normal, gamma };
  }

  // ---------------------------------------------------------------- small matrices, row-major, n×n
  /** Lower triangular L with L Lᵀ = a (only a's lower part is read); what rounding made negative is zero. */
  function cholesky(a, n) {
    const l = new Float64Array(n * n);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j <= i; j++) {
        let sum = a[i * n + j];
        for (let k = 0; k < j; k++) sum -= l[i * n + k] * l[j * n + k];
        if (i === j) l[i * n + i] = Math.sqrt(Math.max(sum, 0));
        else l[i * n + j] = l[j * n + j] > 0 ? sum / l[j * n + j] : 0;
      }
    }
    return l;
  }

  /** Product of two lower triangular matrices. */
  function product(l, m, n) {
    const result = new Float64Array(n * n);
    for (let i = 0; i < n; i++) {
      for (let k = 0; k <= i; k++) {
        const factor = l[i * n + k];
        for (let j = 0; j <= k; j++) result[i * n + j] += factor * m[k * n + j];
      }
    }
    return result;
  }

  /** L scaled to trace(L Lᵀ) = 1. */
  function unit(l) {
    let largest = 0, sum = 0;
    for (const x of l) largest = Math.max(largest, Math.abs(x));
    for (const x of l) sum += (x / largest) ** 2;
    const norm = largest * Math.sqrt(sum);
    return l.map((x) => x / norm);
  }

  /** Lower triangular L with L Lᵀ = HᵀH of trace 1, for H given by its columns (Gram–Schmidt, twice). */
  function root(columns) {
    const n = columns.length, l = new Float64Array(n * n), basis = [];
    columns.forEach((column, j) => {
      const v = Float64Array.from(column);
      for (let pass = 0; pass < 2; pass++) {
        basis.forEach((q, i) => {
          let dot = 0;
          for (let k = 0; k < v.length; k++) dot += q[k] * v[k];
          for (let k = 0; k < v.length; k++) v[k] -= dot * q[k];
          l[j * n + i] += dot;
        });
      }
      const norm = Math.hypot(...v);
      l[j * n + j] = norm;
      basis.push(norm > 0 ? v.map((x) => x / norm) : v);
    });
    return unit(l);
  }

  /**
   * Columns whose Gram matrix is the centered batch's on the n − 1 dimensions orthogonal to the all-ones vector
   * (Helmert's basis): centering projects the batch there, and every later layer stays, so the centered chain is the
   * plain one on these.
   */
  function centered(columns) {
    const result = [];
    for (let k = 1; k < columns.length; k++) {
      const scale = 1 / Math.sqrt(k * (k + 1));
      const sum = new Float64Array(columns[0].length);
      for (let j = 0; j < k; j++) columns[j].forEach((x, i) => (sum[i] += x * scale));
      columns[k].forEach((x, i) => (sum[i] -= k * x * scale));
      result.push(sum);
    }
    return result;
  }

  /** Columns turned in place until they are orthogonal (one-sided Jacobi): singular values times left singular vectors. */
  function orthogonalized(u) {
    const n = u.length, size = u[0].length;
    for (let sweep = 0, turned = true; turned && sweep < 40; sweep++) {
      turned = false;
      for (let p = 0; p < n - 1; p++) {
        for (let q = p + 1; q < n; q++) {
          const x = u[p], y = u[q];
          let xx = 0, yy = 0, xy = 0;
          for (let i = 0; i < size; i++) {
            xx += x[i] * x[i];
            yy += y[i] * y[i];
            xy += x[i] * y[i];
          }
          if (!(Math.abs(xy) > 1e-15 * Math.sqrt(xx * yy))) continue;
          turned = true;
          const zeta = (yy - xx) / (2 * xy);
          const t = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.hypot(1, zeta));
          const c = 1 / Math.hypot(1, t), s = c * t;
          for (let i = 0; i < size; i++) {
            const old = x[i];
            x[i] = c * old - s * y[i];
            y[i] = s * old + c * y[i];
          }
        }
      }
    }
    return u;
  }

  /** The columns of L, one array each. */
  const columnsOf = (l, n) => Array.from({ length: n }, (_, j) => Float64Array.from({ length: n }, (_, i) => l[i * n + j]));

  /** Eigenvalues of L Lᵀ, decreasing, sum 1. */
  function spectrum(l, n) {
    const lam = orthogonalized(columnsOf(l, n)).map((x) => x.reduce((sum, v) => sum + v * v, 0)).sort((a, b) => b - a);
    const sum = lam.reduce((a, b) => a + b, 0);
    return lam.map((x) => x / sum);
  }

  // ---------------------------------------------------------------- the two chains
  const BLOCK = 2048; // rows between two reports of progress

  /** One layer with BN: the next L; `report(rows)` after each block of rows, if there is one. */
  function bnLayer(l, n, width, random, report) {
    const a = new Float64Array(n * n), w = new Float64Array(n);
    for (let row = 1; row <= width; row++) {
      let norm = 0;
      for (let j = 0; j < n; j++) {
        w[j] = random.normal();
        let x = 0;
        for (let i = 0, at = j * n; i <= j; i++) x += l[at + i] * w[i];
        norm += x * x;
      }
      const weight = norm > 0 ? 1 / (norm * width) : 0; // a draw of exactly zero has no direction
      for (let i = 0; i < n; i++) {
        const scaled = w[i] * weight;
        for (let j = 0, at = i * n; j <= i; j++) a[at + j] += scaled * w[j];
      }
      if (report && row % BLOCK === 0) report(row);
    }
    return product(l, cholesky(a, n), n);
  }

  /** One layer without BN, rescaled to trace 1: the sum over rows is a Wishart matrix, drawn by Bartlett's decomposition. */
  function vanillaLayer(l, n, width, random) {
    const t = new Float64Array(n * n);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < i; j++) t[i * n + j] = random.normal();
      t[i * n + i] = Math.sqrt(2 * random.gamma((width - i) / 2));
    }
    return unit(product(l, t, n));
  }

  // ---------------------------------------------------------------- theory
  /** Orthogonality gap of a spectrum, ‖λ − 1/n‖; dimensions the spectrum does not list (centering's) are zero. */
  function gap(lam, n = lam.length) {
    return Math.sqrt(lam.reduce((sum, x) => sum + (x - 1 / n) ** 2, (n - lam.length) / n ** 2));
  }

  /** Orthogonality gap of L Lᵀ of trace 1, without an eigenvalue. */
  function gapOf(l, n) {
    let square = 0;
    for (let i = 0; i < n; i++) {
      for (let j = 0; j <= i; j++) {
        let c = 0;
        for (let k = 0; k <= j; k++) c += l[i * n + k] * l[j * n + k];
        square += i === j ? (c - 1 / n) ** 2 : 2 * c * c;
      }
    }
    return Math.sqrt(square);
  }

  /** Largest possible gap: all samples parallel. */
  const largestGap = (n) => Math.sqrt(1 - 1 / n);

  /** Root mean square of the stationary gap to leading order in 1/d; good from about d = n². */
  function floor(n, width, center = false) {
    const k = center ? n - 1 : n;
    const noise = k > 1 ? (k - 1) * (k + 2) ** 2 / (4 * k * (k + 1) * width) : 0;
    return Math.sqrt(noise + (center ? 1 / (n * (n - 1)) : 0));
  }

  /** Width below which the chain loses rank: utils.theory.stationary.critical_width, for all n. */
  const criticalWidth = (n) => n * n / 4 + (11 / 12) * n - 0.25 - 2.5 / n;

  /** Number of dimensions that n samples keep at infinite depth: the largest batch whose critical width is at most d. */
  function survivingRank(n, width) {
    let m = n;
    while (m > 2 && criticalWidth(m) > width) m--;
    return m;
  }

  /** Where the law of Marchenko and Pastur of mean 1 with ratio c ≤ 1 begins and ends. */
  const marchenkoPasturEdges = (c) => [(1 - Math.sqrt(c)) ** 2, (1 + Math.sqrt(c)) ** 2];

  /** Its density at x. */
  function marchenkoPastur(x, c) {
    const [low, high] = marchenkoPasturEdges(c);
    return x > low && x < high ? Math.sqrt((high - x) * (x - low)) / (2 * Math.PI * c * x) : 0;
  }

  /** Factor by which a small gap contracts per layer at infinite width. */
  const localRate = (n) => n / (n + 2);

  /** Factor by which the mean energy of gradients grows per layer, going back through a wide linear network. */
  const gradientGrowth = (n, center = false) => (n - center - 1) / (n - center - 2);

  /** The same with centering and ReLU, large batches. */
  const reluGradientGrowth = () => Math.PI / (Math.PI - 1);

  // Bits of the fraction, and the largest exponent.
  const FORMATS = { float16: [10, 15], bfloat16: [7, 127], float32: [23, 127], float64: [52, 1023] };
  const formats = Object.keys(FORMATS);

  /** Largest finite number of a format. */
  const largestNumber = (format) => (2 - 2 ** -FORMATS[format][0]) * 2 ** FORMATS[format][1];

  /** Layers after which entries of size one at the output exceed the largest number of a format, from the growth of the energy. */
  const overflowDepth = (growth, largest) => 2 * Math.log(largest) / Math.log(growth);

  /** Theorem 1 as proved, for layer ℓ ≥ 1: 2 (1 − ⅔λ)^{ℓ−1} + 3n/(λ√d) if every earlier least eigenvalue is at least λ. */
  function theorem1(layer, n, width, least) {
    return 2 * (1 - 2 / 3 * least) ** (layer - 1) + 3 * n / (least * Math.sqrt(width));
  }

  /** One layer at infinite width: p_i = λ_i ∫ (1 + 2tλ_i)^{-1} Π_j (1 + 2tλ_j)^{-1/2} dt, by the trapezoidal rule in log t. */
  function infiniteWidthMap(lam) {
    const positive = lam.filter((x) => x > 0);
    const last = 80 - Math.log(Math.min(...positive)), step = 0.5;
    const logs = lam.map((x) => Math.log(2 * x)), sum = new Float64Array(lam.length), growth = new Float64Array(lam.length);
    for (let u = -40; u < last; u += step) {
      let all = u;
      for (let j = 0; j < lam.length; j++) {
        const y = u + logs[j];
        growth[j] = Math.max(y, 0) + Math.log1p(Math.exp(-Math.abs(y))); // log(1 + 2tλ), −∞ when λ is 0
        all -= growth[j] / 2;
      }
      for (let j = 0; j < lam.length; j++) sum[j] += Math.exp(all - growth[j]);
    }
    const p = lam.map((x, j) => x * sum[j]), total = p.reduce((a, b) => a + b, 0);
    return p.map((x) => x / total);
  }

  // ---------------------------------------------------------------- where a chain starts
  /** Columns of the batch H₀; `digits` is an array of images, each an array of pixels. */
  function start(kind, n, digits) {
    const axis = (i, x = 1) => Float64Array.from({ length: n }, (_, k) => (k === i ? x : 0));
    const columns = (make) => Array.from({ length: n }, (_, j) => make(j));
    switch (kind) {
      case "digits":
        return digits.slice(0, n);
      case "parallel": // every pairwise cosine 0.99: a shared direction and one of one's own
        return columns((j) => Float64Array.of(...axis(j, 0.1), Math.sqrt(0.99)));
      case "near": // Figure 1: 1e-3 apart
        return columns((j) => (j === 0 ? axis(0) : axis(0, 1 - 1e-3).map((x, k) => (k === j ? 1e-3 : x))));
      case "rankone": // Figure 2a
        return columns((j) => axis(j, j === 0 ? 1 : 1e-6));
      case "mild": // eigenvalues from 1/(2n) to 3/(2n)
        return columns((j) => axis(j, Math.sqrt(0.5 + j / (n - 1))));
      case "orthogonal":
        return columns((j) => axis(j));
      default:
        throw new Error(`start ${kind}: expected digits, parallel, near, rankone, mild or orthogonal`);
    }
  }

  return {
    bnLayer, centered, cholesky, columnsOf, criticalWidth, floor, formats, gap, gapOf, generator, gradientGrowth, infiniteWidthMap,
    largestGap, largestNumber, localRate, marchenkoPastur, marchenkoPasturEdges, orthogonalized, overflowDepth, product,
    reluGradientGrowth, root, spectrum, start, survivingRank, theorem1, unit, vanillaLayer,
  };
}

if (typeof module !== "undefined") module.exports = companionSampler();
