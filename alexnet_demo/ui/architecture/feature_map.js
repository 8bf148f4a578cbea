// A feature map with one cell selected, by click, tap, or arrow key; hovering shows a cell's value.
export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".cells");
  const readout = parentElement.querySelector(".readout");
  const { rows, columns, values } = data;
  if (changed(root, [rows, columns, values])) paint(root.querySelector("canvas"), data);
  // Cells sent to Python but not confirmed yet: a late confirmation must not undo newer selections.
  const pending = instance(root, () => []);
  const confirmed = pending.findIndex((cell) => String(cell) === String(data.selected));
  pending.splice(0, confirmed < 0 ? pending.length : confirmed + 1);
  let [row, column] = pending.at(-1) ?? data.selected;

  const showValue = (y, x) => {
    readout.textContent = `Row ${y}, column ${x}: ${values[y * columns + x]}`;
  };
  const mark = () => {
    Object.assign(root.querySelector(".selected").style, {
      left: `${(100 * column) / columns}%`,
      top: `${(100 * row) / rows}%`,
      width: `${100 / columns}%`,
      height: `${100 / rows}%`,
    });
    root.setAttribute("aria-label", `${data.name}. Arrow keys select a cell.`);
    showValue(row, column);
  };
  const select = (y, x) => {
    const inside = y >= 0 && y < rows && x >= 0 && x < columns;
    if (!inside || (y === row && x === column)) return;
    [row, column] = [y, x];
    pending.push([y, x]);
    mark();
    setTriggerValue("cell", [row, column]);
  };
  const cellAt = (event) => {
    const box = root.getBoundingClientRect();
    const index = (offset, length, count) =>
      Math.min(count - 1, Math.max(0, Math.floor((offset / length) * count)));
    return [
      index(event.clientY - box.top, box.height, rows),
      index(event.clientX - box.left, box.width, columns),
    ];
  };
  mark();

  root.onclick = (event) => select(...cellAt(event));
  root.onpointermove = (event) => showValue(...cellAt(event));
  root.onpointerleave = () => showValue(row, column);
  root.onkeydown = (event) => {
    const steps = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    select(row + step[0], column + step[1]);
  };
}

function paint(canvas, { rows, columns, values }) {
  [canvas.width, canvas.height] = [columns, rows];
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  const maximum = Math.max(...values, 1e-12);
  values.forEach((value, index) => {
    const gray = 255 * Math.max(0, value / maximum);
    image.data.set([gray, gray, gray, 255], 4 * index);
  });
  context.putImageData(image, 0, 0);
}
