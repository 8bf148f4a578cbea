// A confusion matrix: a table of buttons. One is chosen at a time, by click, tap or arrow key.
export default function ({ parentElement, data, setStateValue }) {
  const root = parentElement.querySelector(".matrix");
  const { classes, counts } = data;
  if (changed(root, counts)) root.replaceChildren(table(classes, counts));
  const buttons = [...root.querySelectorAll("button")];
  const selected = buttons[data.cell[0] * classes.length + data.cell[1]];
  selectOne(root, buttons, selected, classes.length, (button, index) => {
    setStateValue("cell", [Math.floor(index / classes.length), index % classes.length]);
  });
}

function table(classes, counts) {
  const element = document.createElement("table");
  const head = element.createTHead().insertRow();
  head.append(cell("td", "true ↓ predicted →", "corner"));
  for (const name of classes) head.append(header(name, "col"));
  const body = element.createTBody();
  counts.forEach((row, true_) => {
    const line = body.insertRow();
    line.append(header(classes[true_], "row"));
    const total = row.reduce((sum, count) => sum + count, 0) || 1;
    row.forEach((count, guess) => {
      const button = document.createElement("button");
      button.type = "button";
      button.tabIndex = -1;
      button.textContent = count || "·";
      button.className = true_ === guess ? "right" : "wrong";
      // By the root, so that a share of one per cent can still be seen.
      button.style.setProperty("--share", Math.sqrt(count / total).toFixed(3));
      const said = true_ === guess ? "correct" : `predicted as ${classes[guess]}`;
      button.title = `${count} of ${total}: ${classes[true_]}, ${said}`;
      button.setAttribute("aria-label", button.title);
      line.insertCell().append(button);
    });
  });
  return element;
}

function header(name, scope) {
  const element = cell("th", name);
  element.scope = scope;
  return element;
}

function cell(tag, words, className = "") {
  const element = document.createElement(tag);
  const inner = document.createElement("span");
  inner.textContent = words;
  element.append(inner);
  element.className = className;
  return element;
}
