// A square map as an image with one region outlined, and the small parts of the lesson.

class MapView {
  constructor(figure) {
    this.figure = figure;
    this.caption = createElement("figcaption");
    this.frame = createElement("div", "", "frame");
    this.canvas = createElement("canvas");
    this.outline = createElement("div", "", "outline");
    this.frame.append(this.canvas, this.outline);
    figure.append(this.caption, this.frame);
    Object.assign(this.frame, { tabIndex: 0 });
    this.frame.setAttribute("role", "img");
  }

  // Click or tap moves the window there; arrow keys move it, and the space bar plays.
  connect(lesson, name) {
    const go = (row, column) => {
      const last = lesson.conv.side - 1;
      const within = (place) => Math.min(last, Math.max(0, place));
      lesson.stop();
      lesson.go(within(row) * lesson.conv.side + within(column));
    };
    this.frame.onclick = (event) => {
      const box = this.frame.getBoundingClientRect();
      const [row, column] = [
        Math.floor(((event.clientY - box.top) / box.height) * this.side),
        Math.floor(((event.clientX - box.left) / box.width) * this.side),
      ];
      const { size, stride } = lesson.layer;
      const centered = (place) => Math.round((place - (size - 1) / 2) / stride);
      if (name === "input") go(centered(row), centered(column));
      else if (name === "pool") go(2 * row, 2 * column);
      else go(row, column);
    };
    this.frame.onkeydown = (event) => {
      const steps = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };
      const step = steps[event.key];
      if (!step && event.key !== " ") return;
      event.preventDefault();
      const { side } = lesson.conv;
      if (step) go(Math.floor(lesson.position / side) + step[0], (lesson.position % side) + step[1]);
      else if (lesson.playing) lesson.stop();
      else lesson.play();
    };
  }

  show(visible) {
    this.figure.hidden = !visible;
  }

  // Gray is 0, lighter is positive, darker is negative; without negative values, black is 0. Values
  // from `filled` on are left out, or those for which `complete` is false.
  paint({ side, values }, name, filled, complete = (n) => n < filled) {
    if (this.painted !== values) {
      const { low, high } = range(values);
      const limit = Math.max(-low, high) || 1;
      this.levels = values.map((value) => (low < 0 ? 127.5 + (127.5 * value) / limit : (255 * value) / limit));
      this.painted = values;
    }
    this.draw(side, name, (n) => (complete(n) ? [this.levels[n], this.levels[n], this.levels[n], 255] : [0, 0, 0, 0]));
  }

  paintInput({ side, values }, layer) {
    const { padding } = layer;
    const padded = side + 2 * padding;
    const seen = reached(side, layer);
    this.draw(padded, padding ? "Image with padding" : "Image", (n) => {
      const [row, column] = [Math.floor(n / padded) - padding, (n % padded) - padding];
      if (row < 0 || row >= side || column < 0 || column >= side) return [38, 84, 110, 255];
      const level = 255 * values[row * side + column];
      return seen[row] && seen[column] ? [level, level, level, 255] : [180 + 0.3 * level, 90 + 0.4 * level, 0, 255];
    });
  }

  draw(side, name, color) {
    this.side = side;
    this.caption.textContent = `${name}, ${side}×${side}`;
    this.frame.setAttribute("aria-label", `${this.caption.textContent}. Arrow keys move the window.`);
    this.canvas.hidden = !side;
    if (!side) return;
    this.canvas.width = this.canvas.height = side;
    const image = new ImageData(side, side);
    for (let n = 0; n < side ** 2; n++) image.data.set(color(n), 4 * n);
    this.canvas.getContext("2d").putImageData(image, 0, 0);
  }

  mark(row, column, size, side) {
    this.outline.hidden = row >= side || column >= side;
    const percent = (count) => `${(100 * count) / side}%`;
    Object.assign(this.outline.style, {
      top: percent(row),
      left: percent(column),
      width: percent(size),
      height: percent(size),
    });
  }
}

function range(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return { low, high };
}

function filterButton({ number, weights }, limit) {
  const button = createElement("button");
  const canvas = createElement("canvas");
  canvas.width = canvas.height = 11;
  const image = new ImageData(11, 11);
  weights.forEach((weight, n) => {
    const level = 127.5 + (127.5 * weight) / limit;
    image.data.set([level, level, level, 255], 4 * n);
  });
  canvas.getContext("2d").putImageData(image, 0, 0);
  button.type = "button";
  button.title = `Filter ${number}`;
  button.setAttribute("aria-label", button.title);
  button.append(canvas);
  return button;
}

// The weights of a kernel of another size around the same center; new ones are 0.
function resized(kernel, size) {
  const before = Math.sqrt(kernel.length);
  const shift = (size >> 1) - (before >> 1);
  return grid(size, (row, column) => {
    const [y, x] = [row - shift, column - shift];
    return y >= 0 && y < before && x >= 0 && x < before ? kernel[y * before + x] : 0;
  });
}

// Blue for positive, orange for negative, by strength from −1 to 1.
function tint(cell, strength) {
  const color = strength < 0 ? "#e76300" : "#3f90da";
  const share = Math.min(70, Math.abs(70 * strength));
  cell.style.background = `color-mix(in srgb, ${color} ${share.toFixed(0)}%, var(--st-secondary-background-color))`;
}
