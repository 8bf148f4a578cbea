// The arithmetic of the lesson on convolution.
// A map is square: its side, and its values row by row. `kernel` has size × size weights.

// Weights by name for any size; for 3×3 they are the usual ones.
const PRESETS = {
  "Vertical edges": (size) => grid(size, (row, column) => Math.sign(2 * column - size + 1)),
  "Horizontal edges": (size) => grid(size, (row) => Math.sign(2 * row - size + 1)),
  Blur: (size) => grid(size, () => 1 / size ** 2),
  Sharpen: (size) => grid(size, (row, column) => (isCenter(row, column, size) ? size ** 2 : -1)),
  Outline: (size) => grid(size, (row, column) => (isCenter(row, column, size) ? size ** 2 - 1 : -1)),
  Identity: (size) => grid(size, (row, column) => Number(isCenter(row, column, size))),
};

function grid(size, weight) {
  return Array.from({ length: size ** 2 }, (_, n) => weight(Math.floor(n / size), n % size));
}

function isCenter(row, column, size) {
  return row === size >> 1 && column === size >> 1;
}

// ⌊(n + 2p − k)/s⌋ + 1; 0 where the kernel is larger than the padded input.
export function outputSide(side, size, stride, padding) {
  return Math.max(0, Math.floor((side + 2 * padding - size) / stride) + 1);
}

// The pixels below the kernel, zeros beyond the edge.
export function patchAt(input, size, top, left) {
  return grid(size, (row, column) => {
    const [y, x] = [top + row, left + column];
    const inside = y >= 0 && y < input.side && x >= 0 && x < input.side;
    return inside ? input.values[y * input.side + x] : 0;
  });
}

// As torch.nn.functional.conv2d: the kernel is not flipped.
export function convolve(input, { kernel, bias, size, stride, padding }) {
  const side = outputSide(input.side, size, stride, padding);
  const values = new Float64Array(side ** 2).fill(bias);
  for (let n = 0; n < values.length; n++) {
    const [top, left] = [Math.floor(n / side) * stride - padding, (n % side) * stride - padding];
    for (let row = Math.max(0, -top); row < size && top + row < input.side; row++) {
      for (let column = Math.max(0, -left); column < size && left + column < input.side; column++) {
        const pixel = input.values[(top + row) * input.side + left + column];
        values[n] += pixel * kernel[row * size + column];
      }
    }
  }
  return { side, values };
}

export function relu({ side, values }) {
  return { side, values: values.map((value) => Math.max(0, value)) };
}

// As torch.nn.functional.max_pool2d(…, 2).
export function maxPool(input) {
  const side = outputSide(input.side, 2, 2, 0);
  const values = Float64Array.from({ length: side ** 2 }, (_, n) =>
    Math.max(...patchAt(input, 2, 2 * Math.floor(n / side), 2 * (n % side))),
  );
  return { side, values };
}

// Bilinear, as network/input.py resizes images for the network.
export function resize(input, side) {
  const last = input.side - 1;
  const places = Array.from({ length: side }, (_, n) => {
    const place = Math.max(0, ((n + 0.5) * input.side) / side - 0.5);
    const low = Math.floor(place);
    return { low, high: Math.min(low + 1, last), share: place - low };
  });
  const at = (row, column) => input.values[row * input.side + column];
  const between = (a, b, share) => a + (b - a) * share;
  const values = new Float64Array(side ** 2);
  places.forEach((y, row) =>
    places.forEach((x, column) => {
      const upper = between(at(y.low, x.low), at(y.low, x.high), x.share);
      const lower = between(at(y.high, x.low), at(y.high, x.high), x.share);
      values[row * side + column] = between(upper, lower, y.share);
    }),
  );
  return { side, values };
}

// For each row of the input, or column, whether a window reaches it.
export function reached(side, { size, stride, padding }) {
  const count = outputSide(side, size, stride, padding);
  return Array.from({ length: side }, (_, place) => {
    const first = Math.max(0, Math.ceil((place + padding - size + 1) / stride));
    return first < count && first * stride <= place + padding;
  });
}
