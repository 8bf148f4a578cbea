// Pictures in rows, each a button that opens it.
export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".gallery");
  root.replaceChildren(...data.pictures.map(tile));
  root.onclick = (event) => {
    const button = event.target.closest("button");
    if (button) setTriggerValue("opened", Number(button.dataset.number));
  };
}

function tile({ number, src, says, right, below }) {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.number = number;
  button.title = `Test picture ${number}`;
  const image = document.createElement("img");
  image.src = src;
  image.alt = `Test picture ${number}`;
  button.append(image, line("says", `${right ? "✓" : "✗"} ${says}`));
  if (below) button.append(line("below", below));
  button.classList.toggle("wrong", !right);
  return button;
}

function line(className, words) {
  const element = document.createElement("span");
  element.className = className;
  element.textContent = words;
  return element;
}
