// A feature map: one of its cells is chosen, by click, tap or arrow key; pointing tells its value.
// By element: the values that it shows now, as text, and the cells sent but not yet answered.
const shown = new WeakMap();

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".cells");
  const says = parentElement.querySelector(".says");
  const { rows, columns, values } = data;
  const state = shown.get(root) ?? { text: "", waiting: [] };
  shown.set(root, state);
  const text = JSON.stringify([rows, columns, values]);
  if (state.text !== text) paint(root.querySelector("canvas"), data);
  state.text = text;
  // An answer to an earlier key must not take back what later ones chose.
  const answered = state.waiting.findIndex((cell) => String(cell) === String(data.chosen));
  state.waiting = answered < 0 ? [] : state.waiting.slice(answered + 1);
  let [row, column] = state.waiting.at(-1) ?? data.chosen;

  const tell = (y, x) => {
    says.textContent = `Row ${y}, column ${x}: ${values[y * columns + x]}`;
  };
  const mark = () => {
    Object.assign(root.querySelector(".chosen").style, {
      left: `${(100 * column) / columns}%`,
      top: `${(100 * row) / rows}%`,
      width: `${100 / columns}%`,
      height: `${100 / rows}%`,
    });
    root.setAttribute("aria-label", `${data.name}, arrow keys choose a cell`);
    tell(row, column);
  };
  const choose = (y, x) => {
    const there = y >= 0 && y < rows && x >= 0 && x < columns;
    if (!there || (y === row && x === column)) return;
    [row, column] = [y, x];
    state.waiting.push([y, x]);
    mark();
    setTriggerValue("cell", [row, column]);
  };
  const under = (event) => {
    const box = root.getBoundingClientRect();
    const share = (at, length, count) =>
      Math.min(count - 1, Math.max(0, Math.floor((at / length) * count)));
    return [
      share(event.clientY - box.top, box.height, rows),
      share(event.clientX - box.left, box.width, columns),
    ];
  };
  mark();

  root.onclick = (event) => choose(...under(event));
  root.onpointermove = (event) => tell(...under(event));
  root.onpointerleave = () => tell(row, column);
  root.onkeydown = (event) => {
    const steps = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    choose(row + step[0], column + step[1]);
  };
}

function paint(canvas, { rows, columns, values }) {
  [canvas.width, canvas.height] = [columns, rows];
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  const greatest = Math.max(...values, 1e-12);
  values.forEach((value, place) => {
    const grey = 255 * Math.max(0, value / greatest);
    image.data.set([grey, grey, grey, 255], 4 * place);
  });
  context.putImageData(image, 0, 0);
}
