// Pictures in rows, each a button that opens it.
export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".gallery");
  root.replaceChildren(...data.pictures.map(tile));
  root.onclick = (event) => {
    const button = event.target.closest("button");
    if (button) setTriggerValue("opened", Number(button.dataset.number));
  };
}

// A picture with words, and whether they are right; one of which that is not said opens nothing.
function tile({ number, src, says, right, below }) {
  const opens = right !== undefined;
  const element = document.createElement(opens ? "button" : "figure");
  const image = document.createElement("img");
  image.src = src;
  image.alt = `${opens ? "Test" : "Training"} picture ${number}`;
  element.title = image.alt;
  element.append(image, line("says", opens ? `${right ? "✓" : "✗"} ${says}` : says));
  if (below) element.append(line("below", below));
  if (opens) {
    element.type = "button";
    element.dataset.number = number;
  }
  return element;
}

function line(className, words) {
  const element = document.createElement("span");
  element.className = className;
  element.textContent = words;
  return element;
}
