// The words and numbers of the lesson on convolution.

// The size of the output, worked out; that of a pooled map, too, if there is one.
function sizeFormula(side, { size, stride, padding }, pooled) {
  const count = outputSide(side, size, stride, padding);
  const padded = `${side} + 2·${padding} − ${size}`;
  if (!count) return `n + 2p − k = ${padded} = ${side + 2 * padding - size} < 0`;
  const output = `⌊(n + 2p − k)/s⌋ + 1 = ⌊(${padded})/${stride}⌋ + 1 = ${count}`;
  return pooled ? `${output}; after pooling ⌊(${count} − 2)/2⌋ + 1 = ${pooled.side}` : output;
}

// What to know about sizes that do not fit.
function notices(side, layer) {
  const { size, stride, padding } = layer;
  if (!outputSide(side, size, stride, padding)) {
    return [
      `The kernel is larger than the ${padding ? "padded " : ""}image: ${size} > ${side + 2 * padding}. ` +
        "There is no position for it, and no output.",
    ];
  }
  const texts = [];
  const rest = (side + 2 * padding - size) % stride;
  if (rest) texts.push(`The window doesn't fit evenly: ${counted(rest, "row")} and ${counted(rest, "column")} are left over.`);
  if (stride > size) texts.push("The stride is larger than the kernel, so there are gaps between windows.");
  const unseen = side ** 2 - reached(side, layer).filter(Boolean).length ** 2;
  if (unseen) {
    const pixels = `${unseen.toLocaleString("en")} of ${(side ** 2).toLocaleString("en")} pixels`;
    texts.push(`${pixels} are in no window (orange).`);
  } else if (rest) texts.push("They are padding only: every pixel is in a window.");
  return texts;
}

function counted(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function short(value) {
  const digits = Math.abs(value) >= 99.95 ? 0 : Math.abs(value) >= 9.995 ? 1 : 2;
  const text = value.toFixed(digits);
  return Number(text) ? text.replace("-", "−") : "0";
}

// A weight as it is shown, with fewer decimals where the kernel is large.
function rounded(weight, size) {
  return Number(weight.toFixed(size > 5 ? 2 : 3));
}

function factor(weight) {
  const text = String(Number(weight.toFixed(2))).replace("-", "−");
  return weight < 0 ? `(${text})` : text;
}

// The sum behind one output, and what ReLU and pooling make of it: a line each.
function equations(lesson, row, column, patch, products) {
  const { size } = lesson.layer;
  const { side } = lesson.conv;
  const total = lesson.conv.values[row * side + column];
  const add = (numbers) => numbers.reduce((a, b) => a + b, 0);
  const terms =
    size > 3
      ? Array.from({ length: size }, (_, n) => add(products.slice(n * size, (n + 1) * size)))
      : products;
  const written = size > 3 ? terms.map(short) : patch.map((p, n) => `${short(p)}·${factor(lesson.kernel[n])}`);
  if (lesson.bias) written.push(`${short(lesson.bias)} (bias)`);
  const sum = written.join(" + ").replaceAll("+ −", "− ");
  const lines = [`${size > 3 ? "Sum of each row: " : ""}${sum} = ${short(total)}`];
  if (lesson.find(".with-relu").checked) {
    lines.push(`ReLU: max(0, ${short(total)}) = ${short(Math.max(0, total))}`);
  }
  const [y, x] = [row >> 1, column >> 1];
  if (lesson.find(".with-pool").checked) {
    const inside = y < lesson.pooled.side && x < lesson.pooled.side;
    const window = patchAt(lesson.activated, 2, 2 * y, 2 * x).map(short).join(", ");
    const value = lesson.pooled.values[y * lesson.pooled.side + x];
    lines.push(
      inside
        ? `Max pooling: max(${window}) = ${short(value)}`
        : "Max pooling: this value is in no 2×2 window, since the side is odd.",
    );
  }
  return lines;
}
