// Image tiles in rows; clickable ones are buttons.
export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".gallery");
  root.classList.toggle("small", data.small);
  if (changed(root, [data.tiles, data.clickable])) {
    root.replaceChildren(...data.tiles.map((tile) => render(tile, data.clickable)));
  }
  if (data.selected !== null) {
    for (const button of root.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", Number(button.dataset.number) === data.selected);
    }
  }
  root.onclick = (event) => {
    const button = event.target.closest("button");
    if (button) setTriggerValue("opened", Number(button.dataset.number));
  };
}

function render({ number, src, alt, caption, detail }, clickable) {
  const element = createElement(clickable ? "button" : "figure");
  const image = createElement("img");
  image.src = src;
  image.alt = element.title = alt;
  element.append(image);
  if (caption) element.append(createElement("span", caption, "caption"));
  if (detail) element.append(createElement("span", detail, "detail"));
  if (clickable) {
    element.type = "button";
    element.dataset.number = number;
  }
  return element;
}
