// A map of pictures: points on a canvas. The nearest one shows its picture, a click opens it, a
// line drawn around some chooses them.
export default function ({ parentElement, data, setStateValue, setTriggerValue }) {
  const map = instance(parentElement, () => new PictureMap(parentElement));
  map.choose = (numbers) => setStateValue("chosen", numbers);
  map.open = (number) => setTriggerValue("opened", number);
  map.show(data);
}

const NEAR = 14; // CSS pixels from a point at which it still counts as meant
const CLICK = 5; // a pointer that moved less clicked
const TILE = 84; // of the picture that is shown, CSS pixels

class PictureMap {
  constructor(parent) {
    this.canvas = parent.querySelector("canvas");
    this.tip = parent.querySelector(".tip");
    this.legend = parent.querySelector(".legend");
    this.context = this.canvas.getContext("2d");
    this.lasso = null;
    this.hidden = new Set();
    new ResizeObserver(() => this.paint()).observe(this.canvas);
    this.canvas.addEventListener("pointerdown", (event) => this.begin(event));
    this.canvas.addEventListener("pointermove", (event) => this.move(event));
    this.canvas.addEventListener("pointerup", (event) => this.end(event));
    this.canvas.addEventListener("pointercancel", () => this.forget());
    this.canvas.addEventListener("pointerleave", () => (this.tip.hidden = true));
  }

  show(data) {
    const old = this.data;
    this.data = data;
    if (!old || old.key !== data.key) {
      this.legend.replaceChildren(...data.classes.map((name, place) => this.chip(name, place)));
      this.hidden.clear();
    }
    this.chosen = new Set(data.chosen);
    this.paint();
  }

  chip(name, place) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = name;
    button.style.setProperty("--tone", this.data.colors[place]);
    button.setAttribute("aria-pressed", true);
    button.onclick = () => {
      const shown = this.hidden.delete(place);
      if (!shown) this.hidden.add(place);
      button.setAttribute("aria-pressed", shown);
      this.paint();
    };
    return button;
  }

  at(number) {
    const { width, height } = this.box;
    return [this.data.x[number] * width, this.data.y[number] * height];
  }

  paint() {
    if (!this.data) return;
    this.box = this.canvas.getBoundingClientRect();
    const sharpness = window.devicePixelRatio || 1;
    const { width, height } = this.box;
    if (!width) return;
    this.canvas.width = width * sharpness;
    this.canvas.height = height * sharpness;
    const { context } = this;
    context.setTransform(sharpness, 0, 0, sharpness, 0, 0);
    const side = width < 500 ? 2 : 3;
    const faded = this.chosen.size > 0;
    for (const pass of faded ? [false, true] : [false]) {
      this.data.colors.forEach((color, place) => {
        if (this.hidden.has(place)) return;
        context.fillStyle = color;
        context.globalAlpha = faded && !pass ? 0.15 : 0.75;
        this.data.labels.forEach((label, number) => {
          if (label !== place || (faded && pass !== this.chosen.has(number))) return;
          const [x, y] = this.at(number);
          context.fillRect(x - side / 2, y - side / 2, side, side);
        });
      });
    }
    context.globalAlpha = 1;
    if (this.lasso) this.trace();
  }

  trace() {
    const { context } = this;
    context.strokeStyle = getComputedStyle(this.canvas).color;
    context.lineWidth = 1.5;
    context.beginPath();
    this.lasso.forEach(([x, y]) => context.lineTo(x, y));
    context.stroke();
  }

  position(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  begin(event) {
    if (event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.lasso = [this.position(event)];
  }

  move(event) {
    if (this.lasso) {
      this.lasso.push(this.position(event));
      this.tip.hidden = true;
      this.paint();
    } else {
      this.hover(this.nearest(this.position(event)));
    }
  }

  end(event) {
    const line = this.lasso;
    this.forget();
    if (!line) return;
    const [x, y] = line[0];
    const far = Math.max(...line.map(([px, py]) => Math.hypot(px - x, py - y)));
    if (far < CLICK) {
      const number = this.nearest(this.position(event));
      if (number >= 0) this.open(number);
      else if (this.chosen.size) this.choose([]);
      return;
    }
    const inside = [];
    this.data.labels.forEach((label, number) => {
      if (!this.hidden.has(label) && within(this.at(number), line)) inside.push(number);
    });
    this.choose(inside);
  }

  forget() {
    this.lasso = null;
    this.paint();
  }

  nearest([x, y]) {
    let best = -1;
    let least = NEAR;
    this.data.labels.forEach((label, number) => {
      if (this.hidden.has(label)) return;
      const [px, py] = this.at(number);
      const away = Math.hypot(px - x, py - y);
      if (away < least) [best, least] = [number, away];
    });
    return best;
  }

  hover(number) {
    this.tip.hidden = number < 0;
    this.canvas.style.cursor = number < 0 ? "crosshair" : "pointer";
    if (number < 0) return;
    const { sheet, labels, guesses, classes } = this.data;
    const [x, y] = this.at(number);
    const picture = this.tip.querySelector(".picture");
    if (sheet) {
      const { url, columns, rows } = sheet;
      picture.style.backgroundImage = `url("${url}")`;
      picture.style.backgroundSize = `${columns * TILE}px ${rows * TILE}px`;
      const [column, row] = [number % columns, Math.floor(number / columns)];
      picture.style.backgroundPosition = `${-column * TILE}px ${-row * TILE}px`;
    }
    picture.hidden = !sheet;
    const [is, said] = [classes[labels[number]], classes[guesses[number]]];
    this.tip.querySelector(".words").textContent = is === said ? is : `${is}, taken for ${said}`;
    // Beside the point, on the side where there is room.
    this.tip.style.left = x > this.box.width / 2 ? "auto" : `${x + 12}px`;
    this.tip.style.right = x > this.box.width / 2 ? `${this.box.width - x + 12}px` : "auto";
    this.tip.style.top = `${Math.min(y, this.box.height - TILE - 40)}px`;
  }
}

// Whether a point lies within a closed line: a ray from it crosses the line an odd number of times.
function within([x, y], line) {
  let inside = false;
  for (let i = 0, j = line.length - 1; i < line.length; j = i++) {
    const [xi, yi] = line[i];
    const [xj, yj] = line[j];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}
