// A confusion matrix: a table of buttons, one of which is selected by click, tap, or arrow key.
export default function ({ parentElement, data, setStateValue }) {
  const root = parentElement.querySelector(".matrix");
  const { classes, counts } = data;
  const focused = root.querySelector("button:focus") !== null;
  const redrawn = changed(root, counts);
  if (redrawn) root.replaceChildren(table(classes, counts));
  const buttons = [...root.querySelectorAll("button")];
  const selected = buttons[data.cell[0] * classes.length + data.cell[1]];
  if (redrawn && focused) selected.focus({ preventScroll: true }); // the arrow keys go on
  selectOne(root, buttons, selected, classes.length, (button, index) => {
    setStateValue("cell", [Math.floor(index / classes.length), index % classes.length]);
  });
}

function table(classes, counts) {
  const element = document.createElement("table");
  const head = element.createTHead().insertRow();
  head.append(createElement("td", "true ↓\npredicted →", "corner"));
  for (const name of classes) head.append(header(name, "col"));
  const body = element.createTBody();
  counts.forEach((row, trueClass) => {
    const line = body.insertRow();
    line.append(header(classes[trueClass], "row"));
    const total = row.reduce((sum, count) => sum + count, 0) || 1;
    row.forEach((count, prediction) => {
      const correct = prediction === trueClass;
      const button = createElement("button", count || "·", correct ? "right" : "wrong");
      button.type = "button";
      // The square root keeps a share of one percent visible.
      button.style.setProperty("--share", Math.sqrt(count / total).toFixed(3));
      const outcome = correct ? "correct" : `predicted as ${classes[prediction]}`;
      button.title = `${count} of ${total}: ${classes[trueClass]}, ${outcome}`;
      button.setAttribute("aria-label", button.title);
      line.insertCell().append(button);
    });
  });
  return element;
}

function header(name, scope) {
  const element = createElement("th", name);
  element.scope = scope;
  return element;
}
